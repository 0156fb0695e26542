// SPDX-License-Identifier: Apache-2.0
#include "collector/libbpf_messages.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <utility>

namespace neuroperf::collector {
namespace {

thread_local std::string last_message; // libbpf calls back on the thread that called it

__attribute__((format(printf, 2, 0))) int keep(libbpf_print_level level, const char *format, va_list arguments)
{
	if (level != LIBBPF_WARN)
		return 0;
	char line[512];
	std::vsnprintf(line, sizeof line, format, arguments);
	last_message = line;
	while (!last_message.empty() && last_message.back() == '\n')
		last_message.pop_back();
	return 0;
}

} // namespace

void keep_libbpf_messages()
{
	libbpf_set_print(keep);
}

std::string take_libbpf_message()
{
	return std::exchange(last_message, {});
}

} // namespace neuroperf::collector
