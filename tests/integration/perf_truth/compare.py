# SPDX-License-Identifier: Apache-2.0
"""Compares two lists of samples. What differs is a difference, reported with both lines, unless the ELF file itself shows
that both names are right; such pairs of names are counted."""
import collections

from perf_truth.elf_symbols import elf_symbols

Difference = collections.namedtuple("Difference", "kind what perf_line our_line")



def is_kernel(frame):
    return frame.module is not None and frame.offset >= 1 << 63


class Comparison:
    def __init__(self, is_unwound=False, mapped_late=False, without_files=False, with_exec=False):
        """is_unwound: chains come from copies of the stack; each side unwinds them itself. mapped_late: records of what was
        mapped before come last, so that either side may not know them for the first samples."""
        self.is_unwound = is_unwound
        self.without_files = without_files
        self.with_exec = with_exec
        self.mapped_late = mapped_late
        self.differences = []
        self.chain_differences = []  # of unwound chains
        self.same_address = collections.Counter()  # (module, perf's name, ours): share an address or overlap
        self.plt_entries = collections.Counter()  # that perf 6.1 cannot name, or names wrongly
        self.at_the_end = collections.Counter()  # the same, for calls that do not return: ours is looked up at the call
        self.without_mappings = 0  # frames for which only one side has a mapping, and may
        self.dropped_by_perf = 0   # chains
        self.restorers = 0  # frames
        self.ended_early_by_perf = 0  # unwound chains: perf has only the inner part of ours, after exec
        self.late = 0  # samples that perf passes on after a newer one too
        self.samples = self.frames = self.fields = self.named = 0

    def differs(self, kind, what, perf, ours):
        self.differences.append(Difference(kind, what, perf.line if perf else "-", ours.line if ours else "-"))

    def compare(self, perf_samples, our_samples):
        if all(sample.time_ns is None for sample in perf_samples):  # not recorded; neuroperf prints 0
            our_samples = [sample._replace(time_ns=None) for sample in our_samples]
        theirs, ours = self._by_key(perf_samples), self._by_key(our_samples)
        for key in sorted(set(theirs) | set(ours), key=str):
            of_perf, of_us = theirs.get(key, []), ours.get(key, [])
            for perf, our in zip(of_perf, of_us):
                self._sample(perf, our)
            for missing in of_perf[len(of_us):]:
                self.differs("missing", "perf has a sample that we do not", missing, None)
            for extra in of_us[len(of_perf):]:
                self.differs("extra", "we have a sample that perf does not", None, extra)
        self._order(perf_samples, our_samples)
        return self

    @staticmethod
    def _by_key(samples):
        result = collections.defaultdict(list)
        for sample in samples:
            result[sample.time_ns, sample.pid, sample.tid, sample.cpu, sample.event].append(sample)
        return result

    def _order(self, perf_samples, our_samples):
        """A record that was written rounds after its time, as by a CPU that was taken away meanwhile, is late for perf too."""
        late_for_perf = {after[:5] for _, after in self._late(perf_samples)}
        for newest, late in self._late(our_samples):
            if late[:5] in late_for_perf:
                self.late += 1
            else:
                self.differs("order", "not in time order", newest, late)

    @staticmethod
    def _late(samples):
        """Each sample that comes after a newer one, and the newest one before it."""
        newest = None
        for sample in samples:
            if sample.time_ns is None:
                continue
            if newest is not None and sample.time_ns < newest.time_ns:
                yield newest, sample
            else:
                newest = sample

    def _sample(self, perf, our):
        self.samples += 1
        self._fields(perf, our)
        for name in ("period", "ip"):
            # perf prints no period where one event of several has a fixed one.
            if getattr(perf, name) != getattr(our, name) and not (name == "period" and perf.period is None):
                self.differs(name, f"{name} {getattr(perf, name)} and {getattr(our, name)}", perf, our)
        if perf.frames and our.frames:
            self._chain(perf, our)
        elif perf.frames or our.frames:
            self.differs("frames", "no place on one side", perf, our)

    def _fields(self, perf, our):
        for name, value in perf.fields.items():
            self.fields += 1
            mine = our.fields.get(name)
            number = mine is not None and mine.lstrip("-").isdigit() and value.lstrip("-")[:1].isdigit()
            if mine is None or (int(value, 0 if value.startswith("0x") else 10) != int(mine) if number else value != mine):
                self.differs("field", f"field {name}: {value} and {mine}", perf, our)

    def _chain(self, perf, our):
        found = self.differences
        if self.is_unwound:
            self.differences = []
            if len(perf.frames) > 1 and perf.frames[-1].module is None and perf.frames[-1].offset == (1 << 64) - 1:
                # perf takes one byte off a return address of zero too, which ends the stack.
                perf = perf._replace(frames=perf.frames[:-1])
            if self.without_files:
                our = our._replace(frames=our.frames[:len(perf.frames)])  # perf needs the files to unwind at all
            if self.with_exec and 0 < len(perf.frames) < len(our.frames):
                self.ended_early_by_perf += 1
                our = our._replace(frames=our.frames[:len(perf.frames)])
        if len(perf.frames) == 1 < len(our.frames) and not self.is_unwound and self.dropped_by_perf < 5 + self.samples // 500:
            # perf drops the whole chain when there is a number in it that looks like a mark and is none: code without
            # frame pointers holds anything there. Rare; else it would be a difference.
            self.dropped_by_perf += 1
        elif len(perf.frames) != len(our.frames):
            self.differs("length", f"{len(perf.frames)} and {len(our.frames)} frames", perf, our)
        before = None
        for number, (theirs, mine) in enumerate(zip(perf.frames, our.frames)):
            self._frame(number, before, theirs, mine, perf, our)
            before = theirs
        if not self.is_unwound:
            return
        in_chain, self.differences = self.differences, found
        # The innermost place is the sample's address, whoever unwinds.
        for difference in in_chain:
            innermost = difference.kind != "length" and difference.what.startswith("frame 0:")
            (self.differences if innermost else self.chain_differences).append(difference)
            if not innermost:
                break  # the first one explains the rest

    def _frame(self, number, before, theirs, mine, perf, our):
        self.frames += 1
        self.named += theirs.symbol is not None
        # The interrupted place itself: the innermost, and the first of the user's after the kernel's.
        is_exact = number == 0 or is_kernel(before) != is_kernel(theirs)
        if self.is_unwound and (mine.symbol, mine.symbol_offset) == ("__restore_rt", 0) and theirs.offset + 1 == mine.offset:
            self.restorers += 1  # a signal handler returns to it, nobody calls it: perf shows the byte before
        elif mine.module is None and theirs.module is not None and self._without_mappings(theirs, perf):
            self.without_mappings += 1
        elif theirs.module is None and self.mapped_late and mine.module is not None and is_kernel(mine):
            self.without_mappings += 1
        elif not is_exact and theirs.is_edge and (theirs.module is None) != (mine.module is None):
            self.without_mappings += 1  # as neuroperf looks a caller up one byte before
        elif theirs.module != mine.module:
            self.differs("module", f"frame {number}: module {theirs.module} and {mine.module}", perf, our)
        elif theirs.offset != mine.offset:
            self.differs("offset", f"frame {number}: offset {theirs.offset:#x} and {mine.offset:#x}", perf, our)
        elif theirs.symbol != mine.symbol or mine.symbol and (theirs.symbol_offset or 0) != mine.symbol_offset:
            self._symbol(number, is_exact, theirs, mine, perf, our)

    @staticmethod
    def _without_mappings(theirs, perf):
        """Inside of exec, when the old program's mappings are gone and the new one's are not there yet, or long after; perf
        keeps the old ones."""
        return not is_kernel(theirs) and (theirs.is_stale or any(frame.symbol == "bprm_execve" for frame in perf.frames))

    def _symbol(self, number, is_exact, theirs, mine, perf, our):
        if theirs.module is not None and self._both_right(is_exact, theirs, mine):
            return
        self.differs("symbol", f"frame {number}: symbol {theirs.symbol}+{theirs.symbol_offset} and "
                     f"{mine.symbol}+{mine.symbol_offset}", perf, our)

    def _both_right(self, is_exact, theirs, mine):
        symbols, pair = elf_symbols(theirs.module), (theirs.module, theirs.symbol, mine.symbol)
        if theirs.symbol is not None and mine.symbol is not None and theirs.symbol != mine.symbol:
            if symbols.share(theirs.symbol, mine.symbol):
                self.same_address[pair] += 1
                return True
        if mine.symbol is not None and mine.symbol.endswith("@plt"):
            # Chosen at load time: perf knows the entry and no name for it. Others: it miscounts or misses; objdump decides.
            nameless = theirs.symbol == "@plt" and theirs.symbol_offset == mine.symbol_offset
            if nameless or symbols.is_plt_entry(mine.symbol, mine.offset, mine.symbol_offset):
                self.plt_entries[pair] += 1
                return True
        if mine.symbol is None and theirs.symbol is not None and not theirs.symbol.endswith("@plt"):
            # The head of a PLT, to which perf stretches the symbol without a length before it.
            if symbols.in_plt(mine.offset):
                self.plt_entries[pair] += 1
                return True
        # perf looks a caller of a frame pointer chain up where the call returns to: behind the function's end if the call
        # was the last thing in it.
        if not is_exact and theirs.symbol_offset in (0, None):
            if mine.symbol is None:
                right = theirs.symbol is not None and not any(symbols.covers(start - 1)
                                                              for start in symbols.starts(theirs.symbol))
            else:
                right = symbols.ends_at(mine.symbol, mine.symbol_offset, theirs.symbol)
            if right:
                self.at_the_end[pair] += 1
            return right
        return False

    def summary(self):
        kinds = collections.Counter(difference.kind for difference in self.differences)
        lines = [f"{self.samples} samples, {self.frames} frames ({self.named} named), {self.fields} fields; "
                 f"{len(self.differences)} differences {dict(kinds)}"]
        for title, count in (("samples late for perf too", self.late),
                             ("frames where only one side has the mapping", self.without_mappings),
                             ("chains of garbage that perf drops", self.dropped_by_perf),
                             ("frames of signal trampolines", self.restorers),
                             ("chains that perf ends early after exec", self.ended_early_by_perf)):
            if count:
                lines.append(f"  {title}: {count}")
        for title, pairs in (("share an address", self.same_address), ("PLT entries that perf misnames", self.plt_entries),
                             ("call at a function's end", self.at_the_end)):
            if pairs:
                lines.append(f"  {title}: {sum(pairs.values())} frames, {len(pairs)} pairs of names: " +
                             ", ".join(f"{module}: {theirs} = {mine}" for module, theirs, mine in sorted(pairs, key=str)[:20]))
        if self.is_unwound:
            kinds = collections.Counter(difference.what.split(":", 1)[-1].strip() if difference.kind != "length"
                                        else difference.what for difference in self.chain_differences)
            lines.append(f"  chains unwound differently: {len(self.chain_differences)}: {dict(kinds.most_common(12))}")
        return "\n".join(lines)

    def told(self, count=5):
        """The first few differences of each kind, with both lines."""
        shown = collections.Counter()
        lines = []
        for difference in self.differences + self.chain_differences:
            shown[difference.kind] += 1
            if shown[difference.kind] <= count:
                lines.append(f"{difference.kind}: {difference.what}\n  perf: {difference.perf_line}\n"
                             f"  ours: {difference.our_line}")
        return "\n".join(lines)
