// SPDX-License-Identifier: Apache-2.0
// Long text on a terminal goes through a pager.
#pragma once

#include <string_view>

namespace neuroperf::viewer {

// Shows the text with $NEUROPERF_PAGER, else $PAGER, else `less -FRX`, and waits. False, and nothing was shown:
// standard output is no terminal, the text fits on the screen, or there is no pager.
bool show_in_pager(std::string_view text);

} // namespace neuroperf::viewer
