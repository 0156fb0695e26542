// SPDX-License-Identifier: Apache-2.0
// Writes jitdump files for tests, record by record.
#pragma once

#include <cstdint>
#include <string>

namespace neuroperf::test {

class JitDumpWriter {
public:
	static constexpr uint32_t kPid = 7;

	JitDumpWriter() { word(0x4a695444).word(1).word(40).word(62).word(0).word(kPid).quad(5).quad(0); }
	JitDumpWriter &load(uint64_t time, uint64_t address, uint64_t size, const std::string &name)
	{
		record(0, 40 + name.size() + 1 + size, time)
			.word(kPid)
			.word(kPid)
			.quad(address)
			.quad(address)
			.quad(size);
		quad(1);
		bytes_ += name + '\0' + std::string(size, '\x90');
		return *this;
	}
	JitDumpWriter &move(uint64_t time, uint64_t from, uint64_t to, uint64_t size)
	{
		return record(1, 48, time).word(kPid).word(kPid).quad(to).quad(from).quad(to).quad(size).quad(1);
	}
	JitDumpWriter &other(uint64_t time) { return record(2, 8, time).quad(0); }
	const std::string &bytes() const { return bytes_; }

private:
	JitDumpWriter &record(uint32_t kind, std::size_t size, uint64_t time)
	{
		return word(kind).word(static_cast<uint32_t>(16 + size)).quad(time);
	}
	JitDumpWriter &word(uint32_t value) { return put(value, 4); }
	JitDumpWriter &quad(uint64_t value) { return put(value, 8); }
	JitDumpWriter &put(uint64_t value, int size)
	{
		for (int i = 0; i < size; i++)
			bytes_ += static_cast<char>(value >> (8 * i));
		return *this;
	}

	std::string bytes_;
};

} // namespace neuroperf::test
