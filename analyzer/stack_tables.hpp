// SPDX-License-Identifier: Apache-2.0
// What the report says about named stacks: functions, callers, functions by layer, other groupings, and the flame
// graph.
#pragma once

#include <string>
#include <vector>

#include "analyzer/named_stacks.hpp"
#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

// How samples may be grouped, as `--sort` names it: perf's keys, and ours.
enum class GroupKey { process, thread, module, symbol, layer };
// False: no such key.
bool parse_group_key(std::string_view text, GroupKey *key);

Table make_functions(const NamedStacks &stacks);
// Self samples of each function inside each layer (the innermost open one); empty without layers.
Table make_layer_functions(const NamedStacks &stacks);
// Who calls the functions of this name (or with it in their name): direct callers, with the samples below the calls.
Table make_callers(const NamedStacks &stacks, const std::string &callee);
Table make_groups(const NamedStacks &stacks, const std::vector<GroupKey> &keys);
Flame make_flame(const NamedStacks &stacks);

} // namespace neuroperf::analyzer
