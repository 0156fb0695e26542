// SPDX-License-Identifier: Apache-2.0
// Finds the polymorphic C++ classes of an object by their run-time type information, without any symbol of theirs:
//
//     typeinfo  +0  -> vtable of __class_type_info, __si_class_type_info or __vmi_class_type_info, +16
//               +8  -> name, as "N11onnxruntime4GeluE"; '*' may stand in front
//               +16 si: -> typeinfo of the base          vmi: flags:32, count:32, count times { -> base, offset<<8 |
//               flags }
//     vtable    +0  offset to top: minus where the subobject lies
//               +8  -> typeinfo
//               +16 slots: -> functions
//
// (Itanium C++ ABI 2.5.2, 2.9.5.) A pointer is an address in the file's own numbering, found in the data itself, in a
// relocation's addend, or, if it leads out of this file, by the relocation's symbol.
// Everything that is needed later is copied: the file is read while constructing only, and that is bounded.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "collector/object_file.hpp"
#include "collector/relocated_data.hpp"

namespace neuroperf::collector {

class CxxClasses {
public:
	struct Function {
		uint64_t address = 0;
		uint64_t slot_address = 0; // where the table has it
		std::string_view class_name;
	};

	CxxClasses(const ObjectFile &file, const ObjectSymbols &dynamic);
	~CxxClasses();

	// Names come without the '*'.
	bool has(std::string_view name) const;
	// What stands in this slot of the tables that `base` has as a part of each of its classes, itself included. Its
	// offset in them counts; parts that are virtual bases are left out. A function may come several times.
	std::vector<Function> virtual_slot(std::string_view base, unsigned slot) const;
	const RelocatedData &data() const; // of the file
	// Why classes may be missing; empty if all were looked for.
	const std::string &problem() const;

private:
	class Scan;
	std::unique_ptr<Scan> scan_;
};

} // namespace neuroperf::collector
