// SPDX-License-Identifier: Apache-2.0
// Whose word the environment is. With file capabilities neuroperf may do more than who starts it: what their variables
// say of files, servers, programs to run, CPUs and who they are is then not believed, by us or the libraries we use.
#pragma once

#include <string>
#include <string_view>

namespace neuroperf::collector {

// Forgets, with file capabilities, every variable but those that only say how to print, where commands are, and which
// rank of which job this is. The dynamic linker has taken away LD_PRELOAD, TMPDIR and their like before. Call it before
// anything reads a variable.
void distrust_environment();

// Brings back what was forgotten: for a program that is about to be executed with its user's own rights.
void restore_environment();

// What a variable is for that program; empty without. Not to be believed.
std::string variable_of_program(std::string_view name);

} // namespace neuroperf::collector
