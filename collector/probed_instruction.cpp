// SPDX-License-Identifier: Apache-2.0
#include "collector/probed_instruction.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace neuroperf::collector {

Disassembler::Disassembler(cs_arch architecture, cs_mode mode)
{
	if (cs_open(architecture, mode, &handle_) != CS_ERR_OK) {
		handle_ = 0;
		return;
	}
	cs_option(handle_, CS_OPT_DETAIL, CS_OPT_ON);
	decoded_ = cs_malloc(handle_);
}

Disassembler::~Disassembler()
{
	if (decoded_)
		cs_free(decoded_, 1);
	if (handle_)
		cs_close(&handle_);
}

const cs_insn *Disassembler::at(Code code, std::size_t offset)
{
	if (!decoded_ || offset >= code.size())
		return nullptr;
	const uint8_t *bytes = code.data() + offset;
	std::size_t size = code.size() - offset;
	uint64_t address = offset;
	return cs_disasm_iter(handle_, &bytes, &size, &address, decoded_) ? decoded_ : nullptr;
}

std::vector<uint16_t> Disassembler::written_registers(const cs_insn &insn) const
{
	cs_regs read = {}, written = {};
	uint8_t read_count = 0, written_count = 0;
	if (cs_regs_access(handle_, &insn, read, &read_count, written, &written_count) != CS_ERR_OK)
		return {};
	return {written, written + written_count};
}

std::string text_of(const cs_insn &insn)
{
	const std::string_view operands = insn.op_str;
	return operands.empty() ? insn.mnemonic : fmt::format("{} {}", insn.mnemonic, operands);
}

bool in_group(const cs_insn &insn, std::initializer_list<int> groups)
{
	const cs_detail &detail = *insn.detail;
	return std::any_of(detail.groups, detail.groups + detail.groups_count, [&](uint8_t group) {
		return std::find(groups.begin(), groups.end(), group) != groups.end();
	});
}

} // namespace neuroperf::collector
