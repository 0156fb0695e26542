#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ranks of a real parallel run, each recorded by a recorder of its own, merged and compared with the program's counts."""
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import support  # pylint: disable=wrong-import-position

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's NEURON is of Debian's Python
RING = [SYSTEM_PYTHON, os.path.join(HERE, "workloads", "neuron_ring.py"), "--mpi"]
EXCHANGE = "exchange (nrn_spike_exchange)"
# Runs rank 1 as on another host: another name and boot id (the first line of this very script), in truth the same clock.
OTHER_HOST = """
if [ "$OMPI_COMM_WORLD_RANK" = 1 ]; then
	exec unshare --mount --uts sh -c 'hostname other && mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$0" "$@"
fi
exec "$@"
"""
MILLISECOND = 1_000_000


class Ranks(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        support.require(self, "runtime", os.path.exists("/usr/lib/nrn/libnrniv.so"), "NEURON is not installed")
        support.require(self, "runtime", shutil.which("mpirun"), "mpirun is not installed")
        # Root must be let.
        os.environ["OMPI_ALLOW_RUN_AS_ROOT"] = os.environ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"

    def record_ranks(self, ranks=2, wrapper=()):
        """What the program says, and the recordings' names."""
        done = support.run(["mpirun", "--oversubscribe", "-n", str(ranks), *wrapper, support.NEUROPERF, "record",
                            "--probe-budget", "100", "-o", self.file("run.%r.data"), *RING], timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        files = [self.file(f"run.{rank}.data") for rank in range(ranks)]
        for file in files:
            self.assertTrue(os.path.exists(file), done.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1]), files

    def report(self, *words):
        done = support.run([support.NEUROPERF, "report", "--json", *words])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_two_ranks(self):
        own, files = self.record_ranks()
        report = self.report(files[1], files[0])
        ranks = report["ranks"]
        self.assertEqual([rank["rank"] for rank in ranks], [0, 1])
        self.assertEqual([rank["recording"] for rank in ranks], files)
        self.assertEqual([rank["spikes"] for rank in ranks], [of["spikes"] for of in own["ranks"]])
        self.assertEqual(report["totals"]["spikes"], own["spikes"])
        self.assertEqual(report["totals"]["lost"], 0)
        for rank in ranks:
            self.assertEqual(rank["inferences"], 1)
            self.assertGreater(rank["exchange_ns"], 0)
            self.assertGreater(rank["compute_ns"], 0)
            self.assertGreater(rank["cpu_ns"], 0)
            self.assertLess(rank["exchange_ns"] + rank["compute_ns"], rank["wall_ns"])
            # Nothing of a layer lies outside the run of the steps but the first calls, whose ends were not seen.
            self.assertLessEqual(rank["exchange_ns"] + rank["compute_ns"], rank["inference_ns"])
            self.assertEqual((rank["clock_offset_ns"], rank["clock_error_ns"]), (0, 0))
        self.assertEqual(report["totals"]["exchange_ns"], sum(rank["exchange_ns"] for rank in ranks))
        computing = [rank["compute_ns"] for rank in ranks]
        self.assertAlmostEqual(report["totals"]["imbalance"], max(computing) / (sum(computing) / 2) - 1)
        self.assertEqual(report["totals"]["slowest_rank"], computing.index(max(computing)))
        self.assertEqual(support.quality_codes(report) &
                         {"ranks_not_told", "ranks_missing", "ranks_apart", "clock_not_aligned", "absent_exchange"}, set())

    def test_layers_are_those_of_the_ranks_added_up(self):
        _, files = self.record_ranks()
        report = self.report("-i", files[0], "-i", files[1])
        single = [{row["name"]: row for row in self.report(file)["layers"]} for file in files]
        merged = {row["name"]: row for row in report["layers"]}
        self.assertEqual(set(merged), set(single[0]) | set(single[1]))
        for name, row in merged.items():
            of_ranks = [layers[name] for layers in single if name in layers]
            self.assertEqual(row["calls"], sum(one["calls"] for one in of_ranks), name)
            if row["total_ns"] is not None:
                timed = [one for one in of_ranks if one["total_ns"] is not None]
                self.assertEqual(row["total_ns"], sum(one["total_ns"] for one in timed), name)
                self.assertEqual(row["max_ns"], max(one["max_ns"] for one in timed), name)
        spread = {row["name"]: row for row in report["rank_layers"]}
        self.assertIn(EXCHANGE, spread)
        for name, row in spread.items():
            self_ns = [layers[name]["self_ns"] or 0 if name in layers else 0 for layers in single]
            self.assertEqual((row["self_min_ns"], row["self_max_ns"]), (min(self_ns), max(self_ns)), name)
            self.assertEqual(self_ns[row["slowest_rank"]], max(self_ns), name)
            self.assertAlmostEqual(row["imbalance"], max(self_ns) / (sum(self_ns) / 2) - 1, msg=name)
        self.assertEqual(sum(row["self_samples"] for row in report["functions"]), report["totals"]["samples"])

    def test_clocks_of_hosts_are_compared_by_the_exchange(self):
        """Two hosts by their names and boot ids, one clock in truth: the offset found is the error made."""
        wrapper = self.file("other_host")
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh" + OTHER_HOST)
        os.chmod(wrapper, 0o755)
        _, files = self.record_ranks(wrapper=[wrapper])
        report = self.report(*files)
        self.assertEqual(report["meta"]["hosts"], 2)
        self.assertEqual(report["ranks"][1]["host"], "other")
        offset, error = report["ranks"][1]["clock_offset_ns"], report["ranks"][1]["clock_error_ns"]
        self.assertLess(abs(offset), 2 * MILLISECOND)
        self.assertGreater(error, 0)
        self.assertIn("clock_aligned", support.quality_codes(report))

    def test_four_ranks_and_one_that_is_missing(self):
        own, files = self.record_ranks(ranks=4)
        report = self.report(*files)
        self.assertEqual([rank["spikes"] for rank in report["ranks"]], [of["spikes"] for of in own["ranks"]])
        self.assertEqual(report["totals"]["spikes"], own["spikes"])
        report = self.report(files[0], files[3], files[1])
        self.assertEqual([rank["rank"] for rank in report["ranks"]], [0, 1, 3])
        self.assertIn("ranks_missing", support.quality_codes(report))


if __name__ == "__main__":
    support.main()
