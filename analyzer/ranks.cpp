// SPDX-License-Identifier: Apache-2.0
#include "analyzer/ranks.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "analyzer/host_devices.hpp"
#include "analyzer/merged_quality.hpp"
#include "analyzer/merged_tables.hpp"
#include "recording/private_section.hpp"

namespace neuroperf::analyzer {
namespace {

constexpr std::size_t kMostMissing = 20; // ranks, named

// Tables of what each rank has for itself: its rows, in a column whose they are.
constexpr const char *kOfEachRank[] = {"tail",    "pace", "scheduling", "deadline",      "runtimes",
				       "engines", "jobs", "tasks",      "device_states", "device_values"};

// Of the host, which all its ranks may have recorded: host_devices.hpp.
bool is_of_host(std::string_view table)
{
	return table == "device_states" || table == "device_values";
}

std::optional<uint64_t> sum_of_column(const Table *table, std::string_view key)
{
	const int column = table ? table->column(key) : -1;
	if (column < 0)
		return std::nullopt;
	Cell sum;
	for (const std::vector<Cell> &row : table->rows)
		add_cell(sum, row[static_cast<std::size_t>(column)]);
	const auto *number = std::get_if<uint64_t>(&sum);
	return number ? std::optional(*number) : std::nullopt;
}

std::optional<uint64_t> total_of(const Report &report, std::string_view key)
{
	for (const SummaryEntry &entry : report.totals)
		if (const auto *number = std::get_if<uint64_t>(&entry.value); number && entry.metric.key == key)
			return *number;
	return std::nullopt;
}

std::string time_text(double ns)
{
	if (ns < 1e6)
		return fmt::format("{:.1f} us", ns / 1e3);
	return ns < 1e9 ? fmt::format("{:.3f} ms", ns / 1e6) : fmt::format("{:.6f} s", ns / 1e9);
}

// The same file, whatever it is called; empty if none is.
std::string named_twice(const std::vector<std::string> &paths)
{
	std::set<std::pair<dev_t, ino_t>> seen;
	for (const std::string &path : paths) {
		struct stat status = {};
		if (::stat(path.c_str(), &status) == 0 && !seen.emplace(status.st_dev, status.st_ino).second)
			return path;
	}
	return "";
}

// What the first clock of each host says of the first rank's.
class HostClocks {
public:
	HostClocks(const std::vector<RankIdentity> &ranks, const std::vector<CollectiveEnds> &ends,
		   std::vector<QualityItem> *quality)
		: ranks_(ranks), ends_(ends), quality_(*quality)
	{
	}

	// Index of the first rank of this one's host.
	std::size_t host_of(std::size_t index) const
	{
		for (std::size_t i = 0; i < index; i++)
			if (same_host(ranks_[i], ranks_[index]))
				return i;
		return index;
	}

	std::optional<RankClock> compare(std::size_t host)
	{
		const std::size_t here = with_collectives(0), there = with_collectives(host);
		const auto found = ClockComparison::make(ends_[here], ends_[there]);
		const std::string name = ranks_[host].host.empty() ? ranks_[host].path : ranks_[host].host;
		if (!found) {
			const bool none = ends_[here].count() == 0 || ends_[there].count() == 0;
			say(Severity::warning, "clock_not_aligned",
			    fmt::format("clock of {}: n/a ({}): when its ranks began is not known", name,
					none ? "no collective calls seen" : "too few collective calls seen"));
			return std::nullopt;
		}
		say(Severity::info, "clock_aligned",
		    fmt::format("the clock of {} is {} {} the first rank's, +- {}, by the ends of {} collective calls",
				name, time_text(std::abs(found->offset_ns)),
				found->offset_ns < 0 ? "behind" : "ahead of", time_text(found->error_ns), found->calls),
		    found->error_ns);
		if (!found->same_count)
			say(Severity::warning, "collective_counts",
			    fmt::format(
				    "ranks {} and {} saw {} and {} collective calls: clocks compared by them may be "
				    "off",
				    *ranks_[here].rank, *ranks_[there].rank, ends_[here].count(),
				    ends_[there].count()));
		return RankClock{found->offset_ns, found->error_ns};
	}

private:
	// The rank of this host that has most of them.
	std::size_t with_collectives(std::size_t host) const
	{
		std::size_t most = host;
		for (std::size_t i = 0; i < ranks_.size(); i++)
			if (ends_[i].count() > ends_[most].count() && same_host(ranks_[i], ranks_[host]))
				most = i;
		return most;
	}

	void say(Severity severity, std::string code, std::string text, Cell value = {})
	{
		quality_.push_back({severity, std::move(code), std::move(text), "", std::move(value)});
	}

	const std::vector<RankIdentity> &ranks_;
	const std::vector<CollectiveEnds> &ends_;
	std::vector<QualityItem> &quality_;
};

class RankMerger {
public:
	RankMerger(std::vector<RankIdentity> ranks, bool told, const ReportOptions &options)
		: ranks_(std::move(ranks)), told_(told), options_(options), rank_layers_(ranks_.size())
	{
	}

	// In the order of the ranks.
	void add(RecordingReport one)
	{
		const std::size_t index = figures_.size();
		const uint64_t rank = *ranks_[index].rank;
		const Table *inferences = one.report.table("inferences");
		RankFigures figures;
		figures.rank = rank;
		figures.path = ranks_[index].path;
		figures.host = ranks_[index].host;
		figures.first_ns = one.first_ns;
		figures.last_ns = one.last_ns;
		figures.cpu_ns = sum_of_column(one.report.table("threads"), "on_cpu_ns");
		figures.inferences = sum_of_column(inferences, "calls");
		figures.inference_ns = sum_of_column(inferences, "total_ns");
		figures.spikes = total_of(one.report, "spikes");
		figures.compute_ns = one.compute_ns;
		figures.exchange_ns = one.exchange_ns;
		figures.lost = total_of(one.report, "lost").value_or(0);
		for (const QualityItem &item : one.report.quality)
			figures.quality = std::max(figures.quality, item.severity);
		exchange_calls_ += one.exchange_calls;
		samples_ += total_of(one.report, "samples").value_or(0);
		lost_ += figures.lost;
		events_ns_ = std::max(events_ns_, one.events_ns);
		figures_.push_back(std::move(figures));
		ends_.push_back(std::move(one.exchange_ends));
		rank_layers_.add(index, one.rows.layers);
		rows_.add(one.rows);
		add_host_events(index, one);
		quality_.add(rank, one.report.quality);
		metas_.push_back(std::move(one.report.meta));
		recorded_.waits |= one.recorded.waits;
		recorded_.devices |= one.recorded.devices;
		sampled_.kernel &= one.sampled.kernel;
		sampled_.page_faults &= one.sampled.page_faults;
		for (const Table &table : one.report.tables) {
			if (is_of_host(table.id))
				continue;
			if (table.id == "threads")
				append_rows(table, rank, &threads_);
			else if (is_of_each_rank(table.id))
				append_rows(table, rank, &of_each_rank_[table.id]);
			else if (table.id != "layers" && table.id != "warm_up" && table.id != "inferences")
				merged_samples_.add(table);
		}
	}

	Report finish()
	{
		std::vector<QualityItem> quality;
		whose_they_are(&quality);
		recorded_twice(&quality);
		sampled_alike(&quality);
		align_clocks(ranks_, ends_, &figures_, &quality);
		run_times(&quality);
		for (QualityItem &item : host_events_.items())
			quality.push_back(std::move(item));
		LayerTables layers =
			make_layer_tables(rows_, options_.energy ? &*options_.energy : nullptr, events_ns_);
		Report report;
		report.meta = meta();
		report.totals = make_totals(samples_, lost_, layers.totals);
		add_totals(&report.totals, &quality);
		for (QualityItem &item : quality_.items(ranks_.size()))
			quality.push_back(std::move(item));
		std::stable_sort(quality.begin(), quality.end(),
				 [](const QualityItem &a, const QualityItem &b) { return a.severity > b.severity; });
		report.quality = std::move(quality);
		std::vector<uint64_t> numbers;
		for (const RankIdentity &rank : ranks_)
			numbers.push_back(*rank.rank);
		report.tables.push_back(make_ranks(figures_));
		report.tables.push_back(rank_layers_.table(numbers));
		report.tables.push_back(std::move(layers.layers));
		if (!layers.warm_up.rows.empty())
			report.tables.push_back(std::move(layers.warm_up));
		if (!layers.inferences.rows.empty())
			report.tables.push_back(std::move(layers.inferences));
		if (Table anatomy = make_anatomy(rows_, sampled_, recorded_); !anatomy.rows.empty())
			report.tables.push_back(std::move(anatomy));
		if (Table cpu_time = make_cpu_time(rows_, recorded_); !cpu_time.rows.empty())
			report.tables.push_back(std::move(cpu_time));
		host_devices_.append_to(&of_each_rank_["device_states"], &of_each_rank_["device_values"]);
		for (const char *id : kOfEachRank)
			if (const auto found = of_each_rank_.find(id);
			    found != of_each_rank_.end() && !found->second.rows.empty())
				report.tables.push_back(std::move(found->second));
		std::vector<Table> samples = merged_samples_.tables(samples_);
		for (Table &table : samples) {
			if (table.id == "events")
				report.tables.push_back(sorted_threads());
			report.tables.push_back(std::move(table));
		}
		if (!report.table("threads"))
			report.tables.push_back(sorted_threads());
		return report;
	}

private:
	static bool is_of_each_rank(const std::string &id)
	{
		return std::find(std::begin(kOfEachRank), std::end(kOfEachRank), id) != std::end(kOfEachRank);
	}

	// What each says of them alone is said of all.
	void add_host_events(std::size_t index, RecordingReport &one)
	{
		std::size_t host = 0; // this rank at the latest
		while (host < index && !same_host(ranks_[host], ranks_[index]))
			host++;
		host_devices_.add(host, *ranks_[index].rank, one);
		if (!one.host_events)
			return;
		host_events_.add(*ranks_[index].rank, ranks_[index].host, *one.host_events);
		std::erase_if(one.report.quality, [](const QualityItem &item) { return item.code == kHostEvents; });
	}

	// By samples, as those of one recording.
	Table sorted_threads()
	{
		const auto column = static_cast<std::size_t>(threads_.column("samples"));
		std::stable_sort(threads_.rows.begin(), threads_.rows.end(), [&](const auto &a, const auto &b) {
			return std::get<uint64_t>(a[column]) > std::get<uint64_t>(b[column]);
		});
		return std::move(threads_);
	}

	Summary meta() const
	{
		Summary meta;
		for (SummaryEntry &entry : merged_meta(metas_)) {
			const bool is_recording = entry.metric.key == "recording";
			meta.push_back(std::move(entry));
			if (!is_recording)
				continue;
			meta.push_back({{"ranks", "ranks", "count", Better::neither, Provenance::told, false, false},
					uint64_t{ranks_.size()}});
			meta.push_back({{"hosts", "hosts", "count", Better::neither, Provenance::told, false, false},
					uint64_t{count_hosts()}});
		}
		return meta;
	}

	std::size_t count_hosts() const
	{
		std::size_t hosts = 0;
		for (std::size_t i = 0; i < ranks_.size(); i++)
			hosts += std::none_of(ranks_.begin(), ranks_.begin() + static_cast<std::ptrdiff_t>(i),
					      [&](const RankIdentity &one) { return same_host(one, ranks_[i]); });
		return hosts;
	}

	void whose_they_are(std::vector<QualityItem> *quality) const
	{
		if (!told_)
			quality->push_back(
				{Severity::notice,
				 "ranks_not_told",
				 "the recordings do not say which rank each is of, or two say the same: they are "
				 "numbered in the order in which they were named",
				 "record by mpirun or srun: mpirun -n 2 neuroperf record -o run.%r.data ...",
				 {}});
		std::vector<uint64_t> missing;
		for (uint64_t rank = 0, i = 0; told_ && i < ranks_.size() && missing.size() < kMostMissing; rank++)
			if (*ranks_[i].rank == rank)
				i++;
			else
				missing.push_back(rank);
		if (!missing.empty())
			quality->push_back(
				{Severity::warning, "ranks_missing",
				 fmt::format("no recording of ranks {}{}: means and imbalance are without them",
					     ranks_text(missing), missing.size() == kMostMissing ? " ..." : ""),
				 "name the recordings of all ranks: run.*.data", uint64_t{missing.size()}});
	}

	// What a recorder was told to record, others of its host do not know.
	void recorded_twice(std::vector<QualityItem> *quality) const
	{
		for (std::size_t i = 0; i < ranks_.size(); i++)
			for (std::size_t j = i + 1; j < ranks_.size(); j++) {
				if (ranks_[i].target.empty() || ranks_[i].target != ranks_[j].target ||
				    !same_host(ranks_[i], ranks_[j]))
					continue;
				quality->push_back(
					{Severity::warning,
					 "recorded_twice",
					 fmt::format("ranks {} and {} recorded the same on one host ({}): sums "
						     "count it twice",
						     *ranks_[i].rank, *ranks_[j].rank, ranks_[i].target),
					 "let each record its own program: neuroperf record ./app",
					 {}});
				return;
			}
	}

	// Where nobody said how often to sample, each recorder has chosen by what a sample costs.
	void sampled_alike(std::vector<QualityItem> *quality) const
	{
		uint64_t least = UINT64_MAX, most = 0;
		for (const Summary &meta : metas_)
			for (const SummaryEntry &entry : meta)
				if (const uint64_t *frequency = std::get_if<uint64_t>(&entry.value);
				    frequency && entry.metric.key == "frequency_hz") {
					least = std::min(least, *frequency);
					most = std::max(most, *frequency);
				}
		if (least < most)
			quality->push_back({Severity::warning,
					    "frequencies_differ",
					    fmt::format("ranks were sampled at {} to {} Hz: the samples of some weigh "
							"more than those of others",
							least, most),
					    fmt::format("record all with -F {}", least),
					    {}});
	}

	// Recordings of one run are of one time.
	void run_times(std::vector<QualityItem> *quality) const
	{
		for (std::size_t i = 1; i < figures_.size(); i++) {
			const RankFigures &first = figures_.front(), &other = figures_[i];
			if (!other.clock)
				continue;
			const double begin_ns = static_cast<double>(other.first_ns) - other.clock->offset_ns;
			const double end_ns = static_cast<double>(other.last_ns) - other.clock->offset_ns;
			if (begin_ns <= static_cast<double>(first.last_ns) &&
			    end_ns >= static_cast<double>(first.first_ns))
				continue;
			quality->push_back(
				{Severity::warning,
				 "ranks_apart",
				 fmt::format("ranks {} and {} did not run at the same time: are they of one run?",
					     first.rank, other.rank),
				 "",
				 {}});
			return;
		}
	}

	void add_totals(Summary *totals, std::vector<QualityItem> *quality) const
	{
		Cell exchange;
		std::vector<uint64_t> computing;
		for (const RankFigures &rank : figures_) {
			if (rank.exchange_ns)
				add_cell(exchange, *rank.exchange_ns);
			computing.push_back(rank.compute_ns.value_or(0));
		}
		const Imbalance spread = imbalance_of(computing);
		using enum Provenance;
		totals->push_back({{"exchange_ns", "exchange", "ns", Better::lower, measured, true, false}, exchange});
		totals->push_back({{"imbalance", "imbalance", "share", Better::lower, derived, false, false},
				   spread.share ? Cell(*spread.share) : Cell()});
		totals->push_back({{"slowest_rank", "slowest rank", "", Better::neither, derived, false, false},
				   spread.share ? Cell(figures_[spread.most].rank) : Cell()});
		if (!is_absent(exchange))
			return;
		const std::string why = exchange_calls_ ? fmt::format("no end of {} calls was seen", exchange_calls_)
							: "no phase says exchange, and no call of MPI was seen";
		quality->push_back({Severity::info, "absent_exchange", fmt::format("exchange: n/a ({})", why), "", {}});
	}

	const std::vector<RankIdentity> ranks_;
	const bool told_;
	const ReportOptions &options_;
	std::vector<RankFigures> figures_;
	std::vector<CollectiveEnds> ends_;
	std::vector<Summary> metas_;
	RankLayers rank_layers_;
	LayerRows rows_;
	MergedQuality quality_;
	MergedSamples merged_samples_;
	Table threads_;
	std::map<std::string, Table> of_each_rank_; // by id
	HostDevices host_devices_;
	MergedHostEvents host_events_;
	SampledParts sampled_{true, true};
	RecordedStates recorded_;
	uint64_t samples_ = 0, lost_ = 0, events_ns_ = 0, exchange_calls_ = 0;
};

} // namespace

Result<RankIdentity> identify_rank(const std::string &path)
{
	if (path == "-")
		return Error{ErrorCode::usage, "standard input cannot be one of several recordings", 0,
			     "write it to a file first"};
	const auto reader = recording::PerfDataReader::open(path);
	if (!reader.ok())
		return reader.error();
	RankIdentity identity;
	identity.path = path;
	identity.host = reader->text_feature(recording::kFeatureHostname);
	identity.file_bytes = reader->file_size();
	const auto section = recording::decode_private_section(reader->private_section());
	if (!section.ok())
		return identity;
	for (const auto &[key, text] : {std::pair("boot_id", &identity.boot_id), std::pair("target", &identity.target)})
		if (const auto found = section->find(key); found != section->end() && found->is_string())
			*text = found->get<std::string>();
	if (const auto rank = section->find("rank"); rank != section->end() && rank->is_number_unsigned())
		identity.rank = rank->get<uint64_t>();
	return identity;
}

bool same_host(const RankIdentity &a, const RankIdentity &b)
{
	if (!a.boot_id.empty() && !b.boot_id.empty())
		return a.boot_id == b.boot_id;
	return !a.host.empty() && a.host == b.host;
}

bool number_ranks(std::vector<RankIdentity> *ranks)
{
	std::set<uint64_t> numbers;
	for (const RankIdentity &one : *ranks)
		if (one.rank)
			numbers.insert(*one.rank);
	if (numbers.size() == ranks->size()) {
		std::sort(ranks->begin(), ranks->end(),
			  [](const RankIdentity &a, const RankIdentity &b) { return *a.rank < *b.rank; });
		return true;
	}
	for (std::size_t i = 0; i < ranks->size(); i++)
		(*ranks)[i].rank = i;
	return false;
}

void align_clocks(const std::vector<RankIdentity> &ranks, const std::vector<CollectiveEnds> &ends,
		  std::vector<RankFigures> *figures, std::vector<QualityItem> *quality)
{
	HostClocks clocks(ranks, ends, quality);
	for (std::size_t i = 0; i < ranks.size(); i++) {
		const std::size_t host = clocks.host_of(i);
		if (host != i)
			(*figures)[i].clock = (*figures)[host].clock;
		else
			(*figures)[i].clock = i == 0 ? RankClock{} : clocks.compare(i);
	}
}

Result<Report> make_ranks_report(const std::vector<std::string> &paths, const ReportOptions &options)
{
	if (const std::string twice = named_twice(paths); !twice.empty())
		return Error{ErrorCode::usage, fmt::format("{} is named twice: it would be counted twice", twice), 0,
			     "name the recording of each rank once"};
	std::vector<RankIdentity> ranks;
	uint64_t all_bytes = 0;
	for (const std::string &path : paths) {
		auto identity = identify_rank(path);
		if (!identity.ok())
			return identity.error();
		all_bytes += identity->file_bytes;
		ranks.push_back(std::move(*identity));
	}
	const bool told = number_ranks(&ranks);
	RankMerger merger(ranks, told, options);
	uint64_t bytes_before = 0;
	for (const RankIdentity &rank : ranks) {
		ReportOptions one = options;
		one.flame = false;
		if (options.progress)
			one.progress = [&](uint64_t done, uint64_t) {
				options.progress(bytes_before + done, all_bytes);
			};
		auto report = make_recording_report(rank.path, one);
		if (!report.ok())
			return report.error();
		merger.add(std::move(*report));
		bytes_before += rank.file_bytes;
	}
	Report report = merger.finish();
	if (const Status done = order_by_column(options.sort, &report.tables); !done.ok())
		return done.error();
	return report;
}

} // namespace neuroperf::analyzer
