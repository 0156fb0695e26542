// SPDX-License-Identifier: Apache-2.0
// Writes a large recording of made-up layer events, round by round as the recorder would:
//
//     make_recording --layers N --threads T --events E -o FILE [--events-per-round R] [--late]
//
// An event is a layer's begin or end. Every thread walks through all layers again and again; each call takes about a
// microsecond. R = 0 puts everything into one round. --late writes every fourth round three rounds too late.
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/own_event_encoder.hpp"
#include "recording/bytes.hpp"
#include "recording/private_section.hpp"
#include "recording/writer.hpp"

namespace {

using namespace neuroperf;
using recording::OwnEvent;

struct Options {
	uint64_t layers = 10, threads = 1, events = 1000, events_per_round = 50'000;
	bool late = false;
	std::string output;
};

std::optional<Options> parse(int argc, char **argv)
{
	Options options;
	const std::pair<std::string_view, uint64_t *> numbers[] = {{"--layers", &options.layers},
								   {"--threads", &options.threads},
								   {"--events", &options.events},
								   {"--events-per-round", &options.events_per_round}};
	for (int i = 1; i < argc; i++) {
		const std::string_view word = argv[i];
		if (word == "--late") {
			options.late = true;
			continue;
		}
		if (++i >= argc)
			return std::nullopt;
		const std::string_view value = argv[i];
		bool known = word == "-o";
		if (known)
			options.output = value;
		for (const auto &[name, number] : numbers)
			if (word == name)
				known = std::from_chars(value.data(), value.data() + value.size(), *number).ec ==
					std::errc{};
		if (!known)
			return std::nullopt;
	}
	const bool sensible =
		options.layers > 0 && options.layers <= 65535 && options.threads > 0 && !options.output.empty();
	return sensible ? std::optional(options) : std::nullopt;
}

class Maker {
public:
	Maker(const Options &options, recording::PerfDataWriter *writer) : options_(options), writer_(writer) {}

	Status run()
	{
		if (Status done = define_layers(); !done.ok())
			return done;
		const uint64_t per_round = options_.events_per_round ? options_.events_per_round : UINT64_MAX;
		uint64_t left = options_.events;
		for (uint64_t round = 0; left > 0; round++) {
			const uint64_t events = std::min(left, per_round);
			left -= events;
			if (Status done = write_round(round, events); !done.ok())
				return done;
		}
		if (Status done = finish(); !done.ok())
			return done;
		return Done{};
	}

private:
	static constexpr uint64_t kEventNs = 500;
	static constexpr uint32_t kPid = 4000;

	Status define_layers()
	{
		std::string records;
		for (uint32_t layer = 1; layer <= options_.layers; layer++) {
			recording::LayerDefPayload facts{{}, layer, 128, 16'384, 16'384, 16'512, 0, 0};
			facts.common.type = static_cast<uint16_t>(OwnEvent::layer_def);
			recording::TextPayload payload(facts);
			payload.text(offsetof(recording::LayerDefPayload, name), fmt::format("layer{}", layer));
			payload.text(offsetof(recording::LayerDefPayload, kind), layer % 2 ? "conv" : "lif");
			recording::append_own_sample(&records, {kPid, kPid, 1, 0, own_event_id(OwnEvent::layer_def)},
						     false, payload.bytes());
		}
		records += recording::finished_round_record();
		return writer_->append(records);
	}
	static uint64_t own_event_id(OwnEvent event) { return collector::own_event_id(event); }

	// A round: each thread's events of the same span of time, one thread after the other.
	Status write_round(uint64_t round, uint64_t events)
	{
		std::string records;
		const uint64_t per_thread = (events + options_.threads - 1) / options_.threads;
		for (uint32_t thread = 0; thread < options_.threads && events > 0; thread++) {
			const uint64_t mine = std::min(events, per_thread);
			events -= mine;
			for (uint64_t i = 0; i < mine; i++) {
				append_event(&records, thread, begun_ + i);
				if (records.size() > 1 << 20 && !options_.late) {
					if (Status done = writer_->append(records); !done.ok())
						return done;
					records.clear();
				}
			}
		}
		begun_ += per_thread;
		records += recording::finished_round_record();
		held_.push_back({options_.late && round % 4 == 1 ? round + 3 : round, std::move(records)});
		return write_held(round);
	}

	Status write_held(uint64_t round)
	{
		for (auto held = held_.begin(); held != held_.end();) {
			if (held->first > round) {
				++held;
				continue;
			}
			if (Status done = writer_->append(held->second); !done.ok())
				return done;
			held = held_.erase(held);
		}
		return round % 16 == 15 ? writer_->commit() : Status(Done{});
	}

	// Event n of a thread: begin and end of one layer after the other.
	void append_event(std::string *to, uint32_t thread, uint64_t n)
	{
		const auto layer = static_cast<uint32_t>(n / 2 % options_.layers) + 1;
		const OwnEvent event = n % 2 ? OwnEvent::layer_end : OwnEvent::layer_begin;
		const uint64_t jitter = n * 0x9e3779b97f4a7c15 >> 56;
		const recording::RecordIdentity who{kPid, kPid + thread, 1'000'000 + n * kEventNs + jitter, 0,
						    own_event_id(event)};
		char record[recording::own_sample_size(sizeof(recording::LayerPayload), false)];
		recording::encode_own_sample<recording::LayerPayload>(record, who, false, static_cast<uint16_t>(event),
								      layer);
		to->append(record, sizeof record);
	}

	Status finish()
	{
		if (Status done = write_held(UINT64_MAX); !done.ok())
			return done;
		recording::StatPayload stat{{}, 0, 1};
		stat.common.type = static_cast<uint16_t>(OwnEvent::recorder_stat);
		recording::TextPayload payload(stat);
		payload.text(offsetof(recording::StatPayload, name), "finished");
		std::string record;
		recording::append_own_sample(
			&record, {kPid, kPid, 1'000'000 + begun_ * kEventNs, 0, own_event_id(OwnEvent::recorder_stat)},
			false, payload.bytes());
		if (Status done = writer_->append(record + recording::finished_round_record()); !done.ok())
			return done;
		return writer_->commit();
	}

	const Options &options_;
	recording::PerfDataWriter *writer_;
	uint64_t begun_ = 0;                                // events of each thread so far
	std::deque<std::pair<uint64_t, std::string>> held_; // round in which to write, records
};

} // namespace

int main(int argc, char **argv)
{
	const auto options = parse(argc, argv);
	if (!options) {
		fmt::print(stderr, "usage: make_recording --layers N --threads T --events E -o FILE "
				   "[--events-per-round R] [--late]\n");
		return 2;
	}
	recording::WriterOptions to;
	to.path = options->output;
	to.events = collector::own_event_descriptions(false);
	to.features[recording::kFeatureTracingData] = recording::own_tracing_data({}, SIZE_MAX);
	to.private_section = recording::encode_private_section(
		{{"schema", recording::kPrivateSchema}, {"command", {"make_recording"}}});
	auto writer = recording::PerfDataWriter::create(std::move(to));
	if (!writer.ok()) {
		fmt::print(stderr, "make_recording: {}\n", writer.error().what);
		return 1;
	}
	if (const Status done = Maker(*options, &*writer).run(); !done.ok()) {
		fmt::print(stderr, "make_recording: {}\n", done.error().what);
		return 1;
	}
	fmt::print("{} bytes\n", writer->file_size());
	return 0;
}
