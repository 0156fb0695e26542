// SPDX-License-Identifier: Apache-2.0
// The parts of the perf.data format that <linux/perf_event.h> does not declare: file header, feature bits and the
// record types of user space. Source: tools/perf/Documentation/perf.data-file-format.txt and measurements with
// perf 6.1; the choices we made within it are in docs/recording-format.md.
#pragma once

#include <linux/perf_event.h>

#include <cstddef>
#include <cstdint>

namespace neuroperf::recording {

constexpr uint64_t kPerfMagic = 0x32454c4946524550;        // "PERFILE2"
constexpr uint64_t kPerfMagicSwapped = 0x50455246494c4532; // written by a machine of the other byte order

struct FileSection {
	uint64_t offset = 0;
	uint64_t size = 0;
};

struct FileHeader {
	uint64_t magic = kPerfMagic;
	uint64_t size = 0; // of this header; 16 in pipe mode
	uint64_t attr_size = 0;
	FileSection attrs;
	FileSection data;
	FileSection event_types; // unused by perf: our private section
	uint64_t features[4] = {};
};
static_assert(sizeof(FileHeader) == 104);
constexpr uint64_t kDataSizeOffset = offsetof(FileHeader, data) + offsetof(FileSection, size);
static_assert(kDataSizeOffset == 48);

// perf refuses attrs larger than it knows, whatever their content: 128 is PERF_ATTR_SIZE_VER7, known since Linux 5.13.
constexpr uint32_t kAttrSize = 128;
static_assert(sizeof(perf_event_attr) >= kAttrSize);

enum Feature : unsigned {
	kFeatureReserved =
		0, // no reader handles it: its table entry makes the table look like a record (see writer.hpp)
	kFeatureTracingData = 1,
	kFeatureBuildId = 2,
	kFeatureHostname = 3,
	kFeatureOsRelease = 4,
	kFeatureVersion = 5,
	kFeatureArch = 6,
	kFeatureCpuCount = 7,
	kFeatureCpuDescription = 8,
	kFeatureCommandLine = 11,
	kFeatureEventDescription = 12,
	kFeatureSampleTime = 21,
	kFeatureClockId = 23,
	kFeatureCompressed = 27,
	kFeatureClockData = 29,
	kFeatureLimit = 256,
};

// Records of user space. What perf calls "synthesized" has the types of the kernel's records instead.
enum UserRecord : uint32_t {
	kRecordAttr = 64,
	kRecordEventType = 65,   // deprecated and skipped by every reader: covers old feature tables and late contents
	kRecordTracingData = 66, // its payload stands behind it
	kRecordBuildId = 67,
	kRecordFinishedRound = 68,
	kRecordIdIndex = 69,
	kRecordAuxTraceInfo = 70,
	kRecordAuxTrace = 71, // its payload stands behind it
	kRecordAuxTraceError = 72,
	kRecordThreadMap = 73,
	kRecordCpuMap = 74,
	kRecordStatConfig = 75,
	kRecordStat = 76,
	kRecordStatRound = 77,
	kRecordEventUpdate = 78,
	kRecordTimeConv = 79,
	kRecordFeature = 80,
	kRecordCompressed = 81,
	kRecordFinishedInit = 82,
	kRecordCompressed2 = 83,
};

} // namespace neuroperf::recording
