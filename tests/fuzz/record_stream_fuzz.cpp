// SPDX-License-Identifier: Apache-2.0
// Records and samples of any layout: the first 17 bytes say which, the rest is the stream.
#include "recording/bytes.hpp"
#include "recording/reader.hpp"
#include "recording/sample_layout.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz::MemoryFile file;
	recording::Cursor in(data, size);
	const auto sample_type = in.read<uint64_t>(), read_format = in.read<uint64_t>();
	perf_event_attr attr = {};
	attr.sample_type = sample_type;
	attr.read_format = read_format;
	attr.sample_id_all = in.read<uint8_t>() & 1;
	attr.branch_sample_type = sample_type >> 32;
	attr.sample_regs_user = read_format >> 32;
	const recording::SampleLayout layout(attr);
	const UniqueFd fd(::open(file.with(in.read_bytes(in.left())).c_str(), O_RDONLY | O_CLOEXEC));
	recording::RecordStream stream(fd.get(), 0, size);
	recording::RecordView view;
	uint64_t sum = 0;
	while (stream.next(&view) == recording::RecordStream::Next::record) {
		recording::Sample sample;
		recording::RecordIdentity identity;
		if (layout.parse_sample(view.bytes, &sample)) {
			for (uint64_t i = 0; i < sample.callchain_length; i++)
				sum += recording::load<uint64_t>(sample.callchain + i * 8);
			for (const std::string_view bytes : {sample.raw, sample.user_stack})
				for (const char byte : bytes)
					sum += static_cast<unsigned char>(byte);
			for (uint64_t i = 0; i < sample.count_length; i++)
				sum += sample.count(i).value + sample.count(i).id;
			for (int i = 0; sample.user_registers && i < __builtin_popcountll(attr.sample_regs_user); i++)
				sum += recording::load<uint64_t>(sample.user_registers + i * 8);
		}
		layout.parse_trailer(view.bytes, &identity);
		sum += layout.time_of_sample(view.bytes) + layout.time_of_other(view.bytes) + identity.time_ns;
		stream.release(view.block);
	}
	[[maybe_unused]] static volatile uint64_t sink; // so that the reads stay
	sink = sum;
	return 0;
}
