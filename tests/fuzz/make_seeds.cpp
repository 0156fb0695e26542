// SPDX-License-Identifier: Apache-2.0
// Writes small, valid inputs for the fuzz targets: make_seeds CORPUS_FOLDER.
#include <dwarf.h>
#include <fmt/format.h>
#include <neuroperf/attach.h>

#include <filesystem>

#include "analyzer/report_builder.hpp"
#include "analyzer/report_json.hpp"
#include "recording/event_formats.hpp"
#include "recording/private_section.hpp"
#include "recording/reader.hpp"
#include "recording/tracing_data.hpp"
#include "tests/support/elf_writer.hpp"
#include "tests/support/jitdump_writer.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unwind_image.hpp"

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
	recording.stat("anatomy", 1);
	recording.define_layer(1, "conv", "conv", {{}, 1, 8, 64, 64, 72, 0, 0}).define_inference(2, "step");
	recording.inference_begin(100, 2, 90, 1).begin(100, 1, 100).spikes(100, 1, 110, 5).synops(100, 1, 120, 50);
	recording.interrupted(100, 121, 123).leaves(100, 124, 202).comes(101, 125, 0, 0).leaves(101, 126, 35);
	recording.comes(100, 129, 127, 1, 100, 101);
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

// As unwind_fuzz.cpp reads it. Every register is `value` but the last; a stack of words.
std::string unwinding(uint8_t choices, uint64_t value, uint64_t pc, std::initializer_list<uint64_t> stack,
		      std::string_view rest)
{
	recording::ByteWriter out;
	out.put(choices).put(static_cast<uint16_t>(stack.size() * 8));
	for (unsigned number = 0; number < 33; number++)
		out.put(number == ((choices & 1) != 0 ? 32U : 8U) ? pc : value);
	for (const uint64_t word : stack)
		out.put(word);
	return out.put_bytes(rest).take();
}

void unwinds()
{
	using test::bytes_of;
	const std::string on_entry = bytes_of({DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1});
	const std::string linkage =
		bytes_of({DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and,
			  DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus});
	const std::string trampoline =
		bytes_of({DW_CFA_expression, 16, 2, DW_OP_breg7, 0, DW_CFA_expression, 7, 2, DW_OP_breg7, 8,
			  DW_CFA_val_expression, 6, 4, DW_OP_breg7, 16, DW_OP_deref});
	test::EhFrame frames;
	frames.common(on_entry).function(0x100, 0x100, linkage).function(0x300, 0x10, bytes_of({DW_CFA_undefined, 16}));
	frames.function(
		0x400, 0x40,
		bytes_of({DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 24, DW_CFA_offset | 3, 3,
			  DW_CFA_remember_state, DW_CFA_advance_loc1, 16, DW_CFA_restore | 3, DW_CFA_advance_loc2, 4, 0,
			  DW_CFA_restore_state, DW_CFA_register, 12, 13, DW_CFA_def_cfa_register, 6}));
	frames.common(on_entry + trampoline, 16, "zRS").function(0x200, 0x10, {});
	const uint64_t stack = 0x7000;
	seed("unwind", "x86_64",
	     unwinding(2, stack, 0x12b, {0, 0x405, 7, 8, 0x200, 0x300, stack + 64, 9}, frames.bytes()));
	seed("unwind", "image",
	     unwinding(0, stack, 0x404, {1, 2, 0x305, 4}, test::elf_around(frames.bytes(), EM_X86_64, 0x10000)));
	seed("unwind", "no_rules", unwinding(2, stack, 0x9000, {stack + 16, 0x9100, 0, 0x305}, frames.bytes()));
	test::EhFrame arm;
	arm.common(bytes_of({DW_CFA_def_cfa, 31, 0}), 30, "zR", 4)
		.function(0x7000, 0x40,
			  bytes_of({DW_CFA_advance_loc | 1, DW_CFA_AARCH64_negate_ra_state, DW_CFA_def_cfa_offset, 32,
				    DW_CFA_offset | 29, 4, DW_CFA_offset | 30, 3}));
	seed("unwind", "aarch64", unwinding(3, stack, 0x7010, {0, 0x7021, 0, 0, 1, 0x7001, 0, 0}, arm.bytes()));
	recording::ByteWriter debug;
	debug.put<uint32_t>(16).put<uint32_t>(UINT32_MAX).put<uint8_t>(3).put_text("");
	debug.put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16).put_bytes(on_entry).put<uint16_t>(0);
	debug.put<uint32_t>(24).put<uint32_t>(0).put<uint64_t>(0x100).put<uint64_t>(0x10).put<uint32_t>(0);
	seed("unwind", "debug_frame", unwinding(6, stack, 0x104, {0x105, 0x106, 0}, debug.bytes()));
}

// An object with a probe, and a table with one definition.
void attached()
{
	test::ElfWriter object;
	object.add_segment({PT_LOAD, PF_R | PF_W, 0x100, 0x5000, 0x5000, 0x40, 0x40, 0x1000});
	object.add_section(".note.stapsdt", SHT_NOTE, test::stapsdt_note(0x1010, 0x3010, 0x5002), 4);
	object.add_section(".stapsdt.base", SHT_PROGBITS, "x", 1, 0x3010);
	seed("attach", "object", '\0' + object.bytes());
	np_probe probe{};
	probe.definition_count = 1;
	probe.chunks[0] = sizeof probe;
	np_definition layer{};
	layer.state = NP_DEFINITION_READY;
	layer.hash = NP_HANDLE_LOCAL | 1;
	layer.what = NP_DEFINES_LAYER;
	std::memcpy(layer.name, "conv", 4);
	seed("attach", "table",
	     "\1" + std::string(reinterpret_cast<const char *>(&probe), sizeof probe) +
		     std::string(reinterpret_cast<const char *>(&layer), sizeof layer));
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
	unwinds();
	attached();
	return 0;
}
