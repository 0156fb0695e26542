// SPDX-License-Identifier: Apache-2.0
// The flame graph as one SVG file: opens in any browser or image viewer, loads nothing from anywhere.
//
// The root is on top; layers, functions and the kernel have colours of their own that colour-blind people can tell
// apart, and differ in type as well. Without scripts it is a picture with tooltips; with them a click zooms and a
// search marks. Names are escaped and never reach the script as code. The file's size is bounded: what is too narrow,
// too deep or too much is not drawn, and the picture says how much that is.
#pragma once

#include <cstddef>
#include <string>

#include "analyzer/report.hpp"

namespace neuroperf::viewer {

inline constexpr std::size_t kMostFlameFrames = 10000;
inline constexpr std::size_t kMostFlameLevels = 256;

std::string render_flame_svg(const analyzer::Report &report);

} // namespace neuroperf::viewer
