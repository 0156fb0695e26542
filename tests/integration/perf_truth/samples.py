# SPDX-License-Identifier: Apache-2.0
"""A sample as both sides are brought to, and how `neuroperf script --no-demangle` prints it."""
import collections
import re

# A place in code. module: path, "[kernel.kallsyms]" and the like, or None; offset: in the module's file, or the address
# itself where there is no file; symbol: None if nothing is known there. is_stale: of a file that the process no longer maps.
# is_edge: the first byte of a mapping, or the first behind one.
Frame = collections.namedtuple("Frame", "module offset symbol symbol_offset is_stale is_edge", defaults=(False, False))
# fields: of a tracepoint. frames: innermost first. What was not recorded is None.
Sample = collections.namedtuple("Sample", "event time_ns pid tid cpu period ip frames fields line")

OUR_LINE = re.compile(r'^(?:(\d+)\.(\d{9}) )?(-?\d+)/(-?\d+) (\S+)(?: cpu=(\d+))?((?: \w+=(?:"(?:[^"\\]|\\.)*"|\S+))*?)'
                      r"(?: period=(\d+) ip=0x([0-9a-f]+) (.*))?$")
OUR_PLACE = re.compile(r'^(?:"((?:[^"\\]|\\.)*)"|\[unknown\])\+0x([0-9a-f]+) (?:\[unknown\]|(.+?)\+0x([0-9a-f]+))$')
OUR_FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
OUR_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)")
# Records that are no samples have these names.
OTHER_RECORDS = re.compile(r"^(comm|fork|exit|mmap2?|lost\w*|throttle|unthrottle|switch\w*|namespaces|cgroup|kernel_symbol|bpf_program|"
                           r"text_poke|aux\w*|itrace\w*|read|record|round|build_id|id_index|event_update)$")


def unquoted(text):
    def byte(match):
        escape = match.group(1)
        return chr(int(escape[1:], 16)) if len(escape) == 3 else escape

    raw = OUR_ESCAPE.sub(byte, text)
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")


def our_frame(text):
    match = OUR_PLACE.match(text)
    if not match:
        raise ValueError(f"not a place: {text}")
    module, offset, symbol, symbol_offset = match.groups()
    return Frame(unquoted(module) if module is not None else None, int(offset, 16), symbol,
                 int(symbol_offset, 16) if symbol_offset else None)


def our_sample(line):
    """None for a line that is no sample."""
    match = OUR_LINE.match(line)
    if not match or OTHER_RECORDS.match(match.group(5)):
        return None
    seconds, ns, pid, tid, event, cpu, fields, period, ip, places = match.groups()
    return Sample(event, int(seconds) * 10**9 + int(ns) if seconds else None, int(pid), int(tid),
                  int(cpu) if cpu else None, int(period) if period else None, int(ip, 16) if ip else None,
                  tuple(map(our_frame, places.split(" < "))) if places else (),
                  {name: unquoted(value[1:-1]) if value.startswith('"') else value
                   for name, value in OUR_FIELD.findall(fields)}, line)


def our_samples(text):
    return [sample for sample in map(our_sample, text.splitlines()) if sample]
