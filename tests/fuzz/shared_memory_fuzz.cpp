// SPDX-License-Identifier: Apache-2.0
// A program that scribbles over the memory it shares with the recorder. The input is a list of writes, 12 bytes each:
// where (u32: area in the top two bits) and a value; between them the recorder makes its rounds.
#include <sys/mman.h>

#include "collector/shared_rings.hpp"
#include "recording/bytes.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace neuroperf;

namespace {

// One set of rings for the whole run: what one input leaves behind is what the next one starts with, and that must be
// survived too. The file is made anew now and then, so that it stays small.
struct Recorder {
	test::TemporaryFolder folder;
	test::RecordingBuilder recording{folder.file("a.data")};
	collector::OwnEventEncoder encoder{&recording.writer(), false};
	collector::CounterClock clock{false};
};

struct Program {
	collector::SharedRings rings;
	np_shm_header geometry{};
	char *memory = nullptr;

	Program() : rings(std::move(*collector::SharedRings::create(false)))
	{
		if (::pread(rings.descriptor(), &geometry, sizeof geometry, 0) != sizeof geometry)
			__builtin_trap();
		memory = static_cast<char *>(::mmap(nullptr, geometry.total_size, PROT_READ | PROT_WRITE, MAP_SHARED,
						    rings.descriptor(), 0));
	}
	~Program() { ::munmap(memory, geometry.total_size); }
	Program(const Program &) = delete;
	Program &operator=(const Program &) = delete;

	void write(uint32_t where, uint64_t value)
	{
		const uint64_t areas[] = {0, geometry.rings_offset, geometry.definitions_offset, geometry.slots_offset};
		const uint64_t rooms[] = {sizeof(np_shm_header), 8 * sizeof(np_ring), 64 * sizeof(np_definition), 4096};
		const unsigned area = where >> 30;
		std::memcpy(memory + areas[area] + (where & 0x3fffffff) % (rooms[area] - 7), &value, sizeof value);
	}
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs = 0;
	static std::optional<Recorder> recorder;
	static std::optional<Program> program;
	if (runs++ % 1000 == 0) {
		program.reset();
		recorder.emplace();
		program.emplace();
	}
	recording::Cursor in(data, std::min<size_t>(size, 1200));
	for (unsigned i = 0; in.left() >= 12; i++) {
		const auto where = in.read<uint32_t>();
		program->write(where, in.read<uint64_t>());
		if (i % 8 != 7 && in.left() >= 12)
			continue;
		recorder->clock.advance();
		program->rings.drain(recorder->clock, &recorder->encoder);
		program->rings.take_definitions(recorder->clock);
		program->rings.heartbeat(collector::monotonic_now_ns());
	}
	if (!recorder->encoder.status().ok())
		__builtin_trap();
	return 0;
}
