// SPDX-License-Identifier: Apache-2.0
// The recorder against a program that writes anything it likes into the memory they share.
#include "collector/shared_rings.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

class Rings : public testing::Test {
protected:
	Rings()
	{
		auto rings = SharedRings::create(false); // stamps are nanoseconds
		EXPECT_TRUE(rings.ok());
		rings_.emplace(std::move(*rings));
		// The program's side has a mapping of its own.
		geometry_ = load_header();
		memory_ = static_cast<char *>(::mmap(nullptr, geometry_.total_size, PROT_READ | PROT_WRITE, MAP_SHARED,
						     rings_->descriptor(), 0));
		EXPECT_NE(static_cast<void *>(memory_), MAP_FAILED);
	}
	~Rings() override { ::munmap(memory_, geometry_.total_size); }

	np_shm_header load_header() const
	{
		np_shm_header header{};
		EXPECT_EQ(::pread(rings_->descriptor(), &header, sizeof header, 0),
			  static_cast<ssize_t>(sizeof header));
		return header;
	}
	np_shm_header *header() { return reinterpret_cast<np_shm_header *>(memory_); }
	np_ring *ring(unsigned index) { return reinterpret_cast<np_ring *>(memory_ + geometry_.rings_offset) + index; }
	np_slot *slot(unsigned index, uint64_t position)
	{
		return reinterpret_cast<np_slot *>(memory_ + geometry_.slots_offset + geometry_.slots_stride * index) +
		       position % geometry_.ring_slots;
	}
	np_definition *definition(unsigned index)
	{
		return reinterpret_cast<np_definition *>(memory_ + geometry_.definitions_offset) + index;
	}
	void claim(unsigned index)
	{
		ring(index)->state = NP_RING_LIVE;
		ring(index)->pid = static_cast<uint32_t>(::getpid());
		ring(index)->tid = static_cast<uint32_t>(::syscall(SYS_gettid));
		header()->ring_high = std::max(header()->ring_high, index + 1);
	}
	// What a good program does.
	void write(unsigned index, np_slot event)
	{
		*slot(index, ring(index)->head) = event;
		__atomic_store_n(&ring(index)->head, ring(index)->head + 1, __ATOMIC_RELEASE);
	}
	np_slot spikes(uint64_t count) { return {monotonic_now_ns(), count, 1, NP_EVENT_SPIKES, 0}; }
	void drain()
	{
		clock_.advance();
		rings_->drain(clock_, &encoder_);
	}
	// That events of a well-behaved thread still arrive, on this ring.
	void expect_alive(unsigned index)
	{
		const uint64_t before = encoder_.counts().spikes;
		claim(index);
		write(index, spikes(1000));
		drain();
		EXPECT_EQ(encoder_.counts().spikes, before + 1000) << "ring " << index;
	}

	test::TemporaryFolder folder_;
	test::RecordingBuilder recording_{folder_.file("a.data")};
	OwnEventEncoder encoder_{&recording_.writer(), false};
	CounterClock clock_{false};
	std::optional<SharedRings> rings_;
	char *memory_ = nullptr;
	np_shm_header geometry_{}; // as it was before anybody wrote to it
};

TEST_F(Rings, EventsAndLossesArrive)
{
	claim(0);
	write(0, spikes(3));
	write(0, spikes(4));
	ring(0)->lost = 5;
	drain();
	drain();
	EXPECT_EQ(encoder_.counts().spikes, 7u);
	EXPECT_EQ(rings_->counts().lost, 5u) << "counted once";
	EXPECT_EQ(ring(0)->tail, 2u);
}

TEST_F(Rings, EventsAfterTheMomentWaitForTheNextRound)
{
	claim(0);
	clock_.advance();
	std::this_thread::sleep_for(std::chrono::milliseconds(2));
	write(0, spikes(3));
	rings_->drain(clock_, &encoder_);
	EXPECT_EQ(encoder_.counts().spikes, 0u);
	EXPECT_EQ(ring(0)->tail, 0u);
	drain();
	EXPECT_EQ(encoder_.counts().spikes, 3u);
}

TEST_F(Rings, PositionsThatMakeNoSenseAreCountedAndSetBack)
{
	claim(0);
	for (const uint64_t head :
	     {UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 40, uint64_t{geometry_.ring_slots} * 3, uint64_t{0}}) {
		ring(0)->head = head;
		drain();
		expect_alive(0);
	}
	EXPECT_EQ(rings_->counts().corrupt_rings, 5u);
}

TEST_F(Rings, TheProgramsTailIsNotBelieved)
{
	claim(0);
	write(0, spikes(1));
	ring(0)->tail = 12345;
	drain();
	EXPECT_EQ(encoder_.counts().spikes, 1u);
	expect_alive(0);
}

TEST_F(Rings, SlotsThatHoldNoEventAreMalformed)
{
	claim(0);
	write(0, {monotonic_now_ns(), 1, 1, 77, 0});
	write(0, {0, 1, 1, NP_EVENT_SPIKES, 0});
	write(0, {1, 1, 1, NP_EVENT_SPIKES, 0});
	write(0, {UINT64_MAX, 1, 1, NP_EVENT_SPIKES, 0});
	write(0, {monotonic_now_ns() + 3'600'000'000'000, 1, 1, NP_EVENT_SPIKES, 0});
	write(0, {monotonic_now_ns() + 5'000'000'000, 1, 1, NP_EVENT_SPIKES, 0}); // must not block the ring for 5 s
	drain();
	EXPECT_EQ(encoder_.counts().spikes, 0u);
	EXPECT_GE(rings_->counts().malformed, 4u);
	expect_alive(0);
}

TEST_F(Rings, CountsOfRingsAndDefinitionsAreNotBelieved)
{
	header()->ring_high = UINT32_MAX;
	header()->definition_count = UINT32_MAX;
	drain();
	EXPECT_TRUE(rings_->take_definitions(clock_).empty()) << "none of them is ready";
	EXPECT_EQ(rings_->counts().definitions_lost, UINT32_MAX - 65536u);
	header()->ring_high = 0;
	expect_alive(0);
	header()->lost_without_ring = UINT64_MAX;
	drain();
	header()->lost_without_ring = 0;
	drain();
	expect_alive(1);
}

TEST_F(Rings, GeometryIsOurOwn)
{
	claim(0);
	write(0, spikes(5));
	const np_shm_header good = *header();
	header()->ring_count = header()->ring_slots = header()->definition_capacity = UINT32_MAX;
	header()->rings_offset = header()->slots_offset = header()->definitions_offset = uint64_t{1} << 60;
	header()->slots_stride = header()->total_size = UINT64_MAX;
	header()->magic = header()->version = header()->clock = 0;
	drain();
	EXPECT_EQ(encoder_.counts().spikes, 5u);
	*header() = good;
	expect_alive(0);
}

TEST_F(Rings, DefinitionsWithoutAnEndAreCut)
{
	np_definition *entry = definition(0);
	std::memset(entry, 'x', sizeof *entry);
	entry->stamp = UINT64_MAX;
	entry->what = NP_DEFINES_LAYER;
	entry->state = NP_DEFINITION_READY;
	header()->definition_count = 3;
	definition(2)->state = 77; // neither empty nor ready
	const auto definitions = rings_->take_definitions(clock_);
	ASSERT_EQ(definitions.size(), 1u);
	EXPECT_EQ(definitions[0].id, 1u);
	EXPECT_EQ(definitions[0].name, std::string(sizeof entry->name, 'x'));
	EXPECT_EQ(definitions[0].kind, std::string(sizeof entry->kind, 'x'));
	EXPECT_LE(definitions[0].identity.time_ns, monotonic_now_ns());
}

TEST_F(Rings, ADefinitionThatIsBeingWrittenComesLater)
{
	header()->definition_count = 2;
	std::strcpy(definition(1)->name, "second");
	definition(1)->state = NP_DEFINITION_READY;
	ASSERT_EQ(rings_->take_definitions(clock_).size(), 1u);
	EXPECT_TRUE(rings_->has_stalled_writer()) << "others may use the first one already";
	std::strcpy(definition(0)->name, "first");
	definition(0)->state = NP_DEFINITION_READY;
	const auto later = rings_->take_definitions(clock_);
	ASSERT_EQ(later.size(), 1u);
	EXPECT_EQ(later[0].name, "first");
	EXPECT_EQ(later[0].id, 1u);
	EXPECT_TRUE(rings_->take_definitions(clock_).empty());
	EXPECT_FALSE(rings_->has_stalled_writer());
}

TEST_F(Rings, ADefinitionThatIsNeverFinishedHoldsUpNothing)
{
	header()->definition_count = 1;
	const uint64_t begin_ns = monotonic_now_ns();
	clock_.advance();
	EXPECT_TRUE(rings_->take_definitions(clock_).empty());
	while (rings_->has_stalled_writer() && monotonic_now_ns() - begin_ns < 20'000'000'000) {
		std::this_thread::sleep_for(std::chrono::milliseconds(50));
		clock_.advance();
		EXPECT_TRUE(rings_->take_definitions(clock_).empty());
	}
	EXPECT_FALSE(rings_->has_stalled_writer());
	EXPECT_GT(monotonic_now_ns() - begin_ns, 500'000'000u) << "given up too soon";
}

TEST_F(Rings, MadeUpProcessNumbersFreeNothingElse)
{
	for (const uint32_t number : {0u, 1u, UINT32_MAX, 1u << 31}) {
		claim(0);
		ring(0)->pid = ring(0)->tid = number;
		ring(0)->pid_namespace = UINT32_MAX;
		drain();
		rings_->free_rings_of_dead_threads();
		EXPECT_EQ(ring(0)->state, static_cast<uint32_t>(NP_RING_LIVE)) << "of another namespace: kept";
	}
	expect_alive(0);
}

TEST_F(Rings, TheRingOfADeadThreadIsFreedOnceDrained)
{
	claim(0);
	struct stat info {};
	ASSERT_EQ(::stat("/proc/self/ns/pid", &info), 0);
	ring(0)->pid_namespace = static_cast<uint32_t>(info.st_ino);
	std::thread([this] { ring(0)->tid = static_cast<uint32_t>(::syscall(SYS_gettid)); }).join();
	write(0, spikes(9));
	rings_->free_rings_of_dead_threads();
	EXPECT_EQ(ring(0)->state, static_cast<uint32_t>(NP_RING_LIVE)) << "its last words are not read yet";
	drain();
	drain();
	for (int tries = 0; tries < 100 && ring(0)->state != NP_RING_FREE; tries++) {
		std::this_thread::sleep_for(std::chrono::milliseconds(1));
		rings_->free_rings_of_dead_threads();
	}
	EXPECT_EQ(ring(0)->state, static_cast<uint32_t>(NP_RING_FREE));
	EXPECT_EQ(encoder_.counts().spikes, 9u);
	expect_alive(0);
}

// Already in the first round: its event may be older than what other sources had in the round before.
TEST_F(Rings, AWriterHeldUpInsideAnEventIsNoticed)
{
	claim(0);
	write(0, spikes(1));
	ring(0)->busy = 1; // inside the next event
	drain();
	EXPECT_TRUE(rings_->has_stalled_writer());
	drain();
	EXPECT_TRUE(rings_->has_stalled_writer());
	ring(0)->busy = 0;
	write(0, spikes(1));
	drain();
	EXPECT_FALSE(rings_->has_stalled_writer());
}

TEST_F(Rings, AWriterThatGoesOnIsNotHeldUp)
{
	claim(0);
	std::atomic<bool> over = false;
	std::thread writer([&] {
		while (!over) {
			__atomic_store_n(&ring(0)->busy, 1, __ATOMIC_RELEASE);
			write(0, spikes(1));
			__atomic_store_n(&ring(0)->busy, 0, __ATOMIC_RELEASE);
		}
	});
	// The scheduler may stop it inside an event, and then for many rounds: only those in which it went on are
	// looked at.
	int went_on = 0, held_up = 0;
	for (int i = 0; i < 1'000'000 && went_on < 200; i++) {
		const uint64_t before = __atomic_load_n(&ring(0)->head, __ATOMIC_ACQUIRE);
		drain();
		if (__atomic_load_n(&ring(0)->head, __ATOMIC_ACQUIRE) == before)
			continue;
		went_on++;
		held_up += rings_->has_stalled_writer() ? 1 : 0;
	}
	over = true;
	writer.join();
	EXPECT_EQ(went_on, 200);
	EXPECT_LT(held_up, 100);
}

TEST_F(Rings, RandomBytesEverywhere)
{
	std::mt19937_64 random(7);
	const std::size_t control = geometry_.index_offset; // header and the control blocks of all rings
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 50; i++) {
			const std::size_t at = random() % (control - 8) / 8 * 8;
			const uint64_t value = random() % 4 ? random() : random() % 5;
			std::memcpy(memory_ + (random() % 3 ? at % 4096 : at), &value, sizeof value);
		}
		for (unsigned index = 0; index < 4; index++)
			ring(index)->state = NP_RING_LIVE;
		for (int i = 0; i < 200; i++) {
			const uint64_t value = random();
			std::memcpy(definition(static_cast<unsigned>(random() % 64)), &value, sizeof value);
		}
		if (round % 10 == 0)
			header()->ring_high = 4;
		drain();
		rings_->take_definitions(clock_);
		rings_->heartbeat(monotonic_now_ns());
	}
	EXPECT_GT(rings_->counts().corrupt_rings, 0u);
	EXPECT_TRUE(encoder_.status().ok());
}

} // namespace
} // namespace neuroperf::collector
