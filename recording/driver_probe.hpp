// SPDX-License-Identifier: Apache-2.0
// Places of which the kernel has no tracepoint, and which a driver's description names itself: system calls on the
// driver's device files, and functions of the driver. A BPF program makes events of them (bpf/driver_probe.h) that are
// in the recording what tracepoints are: "rknpu:submit_begin", with a format text of their own.
//
// What a system call's argument points to is in the record as it was, as far as the call's number says that it goes;
// fields name parts of it. An event of a call has these besides: device (major << 20 | minor), node, request (of an
// ioctl), result (at the end), process, thread, arguments; an event of a function all from result on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recording/tracing_data.hpp"

namespace neuroperf::recording {

// Numbers of such events in a recording: below our own (event_formats.hpp), above the kernel's.
constexpr uint32_t kDriverProbeIdBase = 63000, kMostDriverProbeEvents = 1000;

struct DriverProbe {
	enum class Kind { ioctl, read, write, function };

	std::string name; // "submit"
	Kind kind = Kind::ioctl;
	std::vector<uint32_t> requests; // of an ioctl; none: any
	std::string function;
	uint32_t argument_bytes = 0;    // of what an ioctl's argument points to
	uint32_t pointer_at = 0;        // where in it there is a pointer to more
	uint32_t pointed_bytes = 0;     // 0: there is none
	std::vector<EventField> fields; // parts of it, or arguments

	bool is_call() const { return kind != Kind::function; }
	const EventField *field(std::string_view name) const;
	// Whether its events have such a field, one that all have or one of its own.
	bool has_field(std::string_view name, bool at_end) const;
};

// Where a field is: the argument from 1 on, a part of what an ioctl's argument points to, or of what is pointed to
// there.
uint32_t offset_of_argument(uint32_t number);
uint32_t offset_in_argument(uint32_t at);
uint32_t offset_in_pointed(uint32_t at);
// Of its first bytes, as they were when the call began.
uint32_t offset_in_given(uint32_t at);

// Bytes that an ioctl's argument points to, as its number says (asm-generic/ioctl.h, _IOC_SIZE).
constexpr uint32_t ioctl_bytes(uint32_t request)
{
	return request >> 16 & 0x3fff;
}

std::string event_of_probe(std::string_view description, const DriverProbe &probe, bool at_end);
std::string format_of_probe(const DriverProbe &probe, bool at_end, uint32_t id);

} // namespace neuroperf::recording
