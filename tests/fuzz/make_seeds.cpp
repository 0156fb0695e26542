// SPDX-License-Identifier: Apache-2.0
// Writes small, valid inputs for the fuzz targets: make_seeds CORPUS_FOLDER.
#include <fmt/format.h>

#include <filesystem>

#include "analyzer/report_builder.hpp"
#include "analyzer/report_json.hpp"
#include "recording/event_formats.hpp"
#include "recording/private_section.hpp"
#include "recording/reader.hpp"
#include "recording/tracing_data.hpp"
#include "tests/support/jitdump_writer.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

using namespace neuroperf;
using test::read_file;
using test::RecordingBuilder;
using test::write_file;

std::string folder;

void seed(const std::string &target, const std::string &name, std::string_view bytes)
{
	std::filesystem::create_directories(folder + "/" + target);
	write_file(folder + "/" + target + "/" + name, bytes);
}

void fill(RecordingBuilder &recording, bool callchain)
{
	recording.comm(100, 100, 10, "app", true).map(100, 11, 0x1000, 0x1000, 0, "/nowhere/app");
	recording.define_layer(1, "conv", "conv", {{}, 1, 8, 64, 64, 72, 0, 0}).define_inference(2, "step");
	recording.inference_begin(100, 2, 90, 1).begin(100, 1, 100).spikes(100, 1, 110, 5).synops(100, 1, 120, 50);
	recording.sample(100, 100, 130, 0x1010,
			 callchain ? std::vector<uint64_t>{PERF_CONTEXT_USER, 0x1010, 0x1020}
				   : std::vector<uint64_t>{});
	recording.end(100, 1, 140).inference_end(100, 2, 150, 1).round().commit();
	recording.fork(200, 100, 200, 100, 160).begin(200, 1, 200).end(200, 1, 260);
	recording.lost(RecordingBuilder::kSamplingId, 2, 270).note(1, "code", "text", "remedy").finish();
}

void recordings(const test::TemporaryFolder &temporary)
{
	const std::string path = temporary.file("a.data");
	for (const bool callchain : {false, true}) {
		{
			RecordingBuilder recording(path, {callchain, callchain, {}});
			fill(recording, callchain);
		}
		const std::string bytes = read_file(path);
		seed("recording", callchain ? "callchain" : "plain", bytes);
		seed("recording", callchain ? "callchain_cut" : "plain_cut",
		     std::string_view(bytes).substr(0, bytes.size() - 700));
		// The same data section with the layouts of its two kinds of samples.
		uint64_t offset = 0, size = 0;
		std::memcpy(&offset, bytes.data() + 40, 8);
		std::memcpy(&size, bytes.data() + 48, 8);
		for (const uint64_t type : {RecordingBuilder::sampling_type(callchain), recording::kOwnSampleType}) {
			const std::string head =
				recording::ByteWriter().put(type).put<uint64_t>(4).put<uint8_t>(1).take();
			seed("record_stream", fmt::format("{:x}", type),
			     head + bytes.substr(offset, std::min<uint64_t>(size, 2000)));
		}
	}
	if (const auto report = analyzer::make_report(path, {}); report.ok()) {
		std::string text = analyzer::render_json(*report);
		text.replace(text.find(path), path.size(), "a.data");
		seed("report_json", "report", text);
	}
}

void texts()
{
	const recording::SymbolicName names[] = {{1, "layer", "conv"}};
	seed("tracing_data", "own", recording::own_tracing_data(names, 1 << 20));
	const std::string text = recording::format_text(recording::OwnEvent::layer_def, names);
	seed("tracing_data", "format", text + std::string("\0\1\2\3\4\5\6\7payload of a layer definition", 37));
	for (const std::string &model : {std::string("horowitz-45nm"), std::string("loihi")})
		seed("report_json", model, read_file(NEUROPERF_SOURCE_DIR "/data/energy/" + model + ".json"));
	const char *const mangled[] = {
		"_ZN9neuroperf8analyzer10SymbolTable4findEm",
		"_ZNSt6vectorIiSaIiEE9push_backERKi.isra.0",
		"_ZZN1aC4EvENKUlvE_clEv",
		"main",
		"_Z1fIJidEEvDpT_",
		"_ZNKSt8functionIFvvEEclEv.cold",
		"_ZN49_$LT$a..Neuron$LT$T$GT$$u20$as$u20$a..Spike$GT$4fire17h0123456789abcdefE",
		"_RNvMNtCslNYArtu3iFV_5alloc6stringNtB2_6String11try_reserve",
		"_RINvC1a3genTFKClElFG_RL0_hRL0_Atj4_ERL0_hEKb1_Kcdf_Kln5_DNtB2_5Spikep1TuEL_EB2_",
		"_RINvC1a3genDG_INtB2_2FnTRL0_hEEp6OutputRL0_hEL_NCNvB2_4mains0_0EB2_.llvm.1",
		"_RNvC1au9gre_6qa7r"};
	for (std::size_t i = 0; i < std::size(mangled); i++)
		seed("demangle", fmt::format("{}", i), mangled[i]);
}

void generated_code()
{
	seed("perf_map", "map",
	     "1000 100 LazyCompile:*spike /app/net.js:12\n0x1080 0x20 inner\r\n0f80 90 before\nnot a line\n"
	     "ffffffffffffff00 ffffffffffffffff end");
	test::JitDumpWriter dump;
	dump.load(30, 0x3000, 0x10, "late").load(10, 0x1000, 0x20, "early").other(15).move(20, 0x1000, 0x5000, 0x20);
	seed("jitdump", "dump", dump.load(25, 0x1000, 0x10, "reused").bytes());
}

void writes()
{
	recording::ByteWriter good;
	const auto write = [&good](uint32_t area, std::size_t at, uint64_t value) {
		good.put(area << 30 | static_cast<uint32_t>(at)).put(value);
	};
	write(0, offsetof(np_shm_header, ring_high), 1 | uint64_t{1} << 32); // a ring and a definition
	write(1, offsetof(np_ring, state), NP_RING_LIVE | uint64_t{100} << 32);
	write(2, offsetof(np_definition, what), NP_DEFINES_LAYER);
	write(2, offsetof(np_definition, name), 0x766e6f63);
	write(2, offsetof(np_definition, state), NP_DEFINITION_READY);
	write(3, offsetof(np_slot, stamp), 1);
	write(3, offsetof(np_slot, id), 1 | uint64_t{NP_EVENT_SPIKES} << 32);
	write(1, offsetof(np_ring, head), 1);
	seed("shared_memory", "good", good.bytes());
	write(1, offsetof(np_ring, head), UINT64_MAX);
	seed("shared_memory", "wild_head", good.bytes());
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	folder = argv[1];
	recordings(test::TemporaryFolder());
	texts();
	generated_code();
	writes();
	return 0;
}
