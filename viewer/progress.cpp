// SPDX-License-Identifier: Apache-2.0
#include "viewer/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {
namespace {

using namespace std::chrono_literals;
constexpr auto kSilence = 1s;     // work shorter than this needs no words
constexpr auto kInterval = 200ms; // between two lines on a terminal

} // namespace

Progress::Progress(std::string what) : what_(printable(what)), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress()
{
	if (shown_ && is_terminal_)
		fmt::print(stderr, "\r\x1b[K");
}

void Progress::tell(uint64_t done, uint64_t all)
{
	const auto now = Clock::now();
	if (now - begin_ < kSilence || (shown_ && (!is_terminal_ || now - last_ < kInterval)))
		return;
	last_ = now;
	const double percent = all ? 100.0 * static_cast<double>(done) / static_cast<double>(all) : 0;
	if (is_terminal_)
		fmt::print(stderr, "\r\x1b[Kneuroperf: {}: {:.0f} %", what_, percent);
	else if (!shown_) // once: a log needs no more
		fmt::print(stderr, "neuroperf: {} ({:.0f} MB)\n", what_, static_cast<double>(all) / 1e6);
	shown_ = true;
}

} // namespace neuroperf::viewer
