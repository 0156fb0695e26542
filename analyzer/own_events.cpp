// SPDX-License-Identifier: Apache-2.0
#include "analyzer/own_events.hpp"

#include "recording/tracing_data.hpp"

namespace neuroperf::analyzer {

OwnEvents::OwnEvents(const recording::PerfDataReader &reader)
{
	for (const recording::RecordedEvent &recorded : reader.events()) {
		Event event;
		const auto format = reader.formats().find(static_cast<uint32_t>(recorded.attr.config));
		if (recorded.attr.type == PERF_TYPE_TRACEPOINT && format != reader.formats().end() &&
		    format->second.system == recording::kOwnSystem) {
			for (const recording::OwnEventInfo &info : recording::own_events()) {
				if (info.name != format->second.name)
					continue;
				event.kind = info.event;
				// Our own text of today names the fields; the file's text says where they are in it.
				const auto ours = recording::parse_format_text(recording::kOwnSystem,
									       recording::format_text(info.event, {}));
				if (!ours.ok())
					continue;
				for (const recording::EventField &field : ours->fields) {
					const recording::EventField *there = format->second.field(field.name);
					event.fields.push_back(there ? *there : recording::EventField{});
				}
			}
		}
		events_.push_back(std::move(event));
	}
}

uint64_t OwnEvents::number(int event, unsigned field, std::string_view payload) const
{
	const auto &fields = events_[static_cast<std::size_t>(event)].fields;
	return field < fields.size() ? recording::read_number(fields[field], payload) : 0;
}

std::string_view OwnEvents::text(int event, unsigned field, std::string_view payload) const
{
	const auto &fields = events_[static_cast<std::size_t>(event)].fields;
	return field < fields.size() && fields[field].size != 0 ? recording::read_text(fields[field], payload)
								: std::string_view();
}

} // namespace neuroperf::analyzer
