// SPDX-License-Identifier: Apache-2.0
// Calls one of the doubles of npu_api_doubles.cpp, chosen by NPU_DOUBLE_*, as programs call the real one: calls that
// return with the result, and requests that one thread submits and another one waits for. Prints how often, as one line
// of JSON: by name, for each object that is called. usage: npu_app CALLS
#include "npu_apis.hpp"

#include <array>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace {

constexpr auto kNotice = std::chrono::seconds(1);        // in it the library is noticed, on a busy machine too
constexpr auto kSettle = std::chrono::milliseconds(500); // in it the callers of a function become known
constexpr auto kLate = std::chrono::milliseconds(2);     // waits begin later than the work ends

// Requests that the main thread submits and another one waits for, two in flight, in turn: `submit` and `wait` are
// given which one.
[[maybe_unused]] void in_flight(int count, const std::function<void(int)> &submit, const std::function<void(int)> &wait)
{
	std::mutex mutex;
	std::condition_variable changed;
	int submitted = 0, ended = 0;
	std::thread waiter([&] {
		for (int i = 0; i < count; i++) {
			{
				std::unique_lock lock(mutex);
				changed.wait(lock, [&] { return submitted > i; });
			}
			std::this_thread::sleep_for(kLate);
			wait(i % 2);
			if (i == 0)
				std::this_thread::sleep_for(kSettle);
			const std::lock_guard lock(mutex);
			ended++;
			changed.notify_all();
		}
	});
	for (int i = 0; i < count; i++) {
		std::unique_lock lock(mutex);
		changed.wait(lock, [&] { return i - ended < 2; });
		lock.unlock();
		submit(i % 2);
		lock.lock();
		submitted++;
		changed.notify_all();
	}
	waiter.join();
}

[[maybe_unused]] void repeat(int count, const std::function<void(int)> &call)
{
	for (int i = 0; i < count; i++) {
		call(i % 2);
		if (i == 0)
			std::this_thread::sleep_for(kSettle);
	}
}

void tell(const std::map<std::string, std::vector<int>> &counts)
{
	const char *before = "{";
	for (const auto &[name, of_objects] : counts) {
		std::printf("%s\"%s\": ", before, name.c_str());
		for (std::size_t i = 0; i < of_objects.size(); i++)
			std::printf("%s%d", i == 0 ? "[" : ", ", of_objects[i]);
		before = "], ";
	}
	std::printf("]}\n");
}

void use(int calls)
{
#if defined(NPU_DOUBLE_OPENVINO)
	std::array<ov::InferRequest, 2> requests;
	repeat(calls, [&](int) { requests[0].infer(); });
	in_flight(
		calls, [&](int which) { requests[which].start_async(); },
		[&](int which) {
			ov::InferRequest copy = requests[which]; // is the same request
			copy.wait_for(std::chrono::milliseconds(0));
			copy.wait();
		});
	tell({{"infer", {calls}}, {"request", {calls}}});
#elif defined(NPU_DOUBLE_OPENVINO_C)
	ov_infer_request *const requests[] = {npu_double_ov_request(), npu_double_ov_request()};
	repeat(calls, [&](int) { ov_infer_request_infer(requests[0]); });
	in_flight(
		calls, [&](int which) { ov_infer_request_start_async(requests[which]); },
		[&](int which) { ov_infer_request_wait(requests[which]); });
	tell({{"infer", {calls}}, {"request", {calls}}});
#elif defined(NPU_DOUBLE_TFLITE)
	int interpreter = 0, runner = 0;
	void *registration = nullptr;
	TfLiteRegistrationExternalSetInvoke(&registration, nullptr);
	repeat(calls, [&](int) { TfLiteInterpreterInvoke(&interpreter); });
	repeat(calls, [&](int) { TfLiteSignatureRunnerInvoke(&runner); });
	tell({{"invoke", {calls, calls}}});
#elif defined(NPU_DOUBLE_TFLITE_CPP)
	tflite::impl::Interpreter interpreter;
	repeat(calls, [&](int) { interpreter.Invoke(); });
	tell({{"invoke", {calls}}});
#elif defined(NPU_DOUBLE_RKNN)
	int outputs = 0;
	repeat(2 * calls, [&](int which) {
		rknn_run(100 + which, nullptr);
		rknn_outputs_get(100 + which, 1, &outputs, nullptr);
	});
	tell({{"run", {calls, calls}}});
#elif defined(NPU_DOUBLE_HAILORT)
	hailort::ConfiguredInferModel model;
	hailort::InferVStreams streams;
	hailort::OutputVStream output;
	char buffer[8];
	repeat(calls, [&](int) { model.run({}, std::chrono::milliseconds(1000)); });
	model.run_async({});
	repeat(calls, [&](int) { hailo_infer(&streams, nullptr, nullptr, 0, nullptr, buffer, 1, 2); });
	repeat(calls, [&](int) { hailo_vstream_read_raw_buffer(&output, buffer, sizeof buffer); });
	tell({{"run", {calls}}, {"infer", {calls}}, {"frame of an output", {2 * calls, calls}}});
#elif defined(NPU_DOUBLE_XRT)
	std::array<xrt::run, 2> runs;
	void *const handles[] = {npu_double_xrt_run(), npu_double_xrt_run()};
	constexpr auto kLong = std::chrono::milliseconds(1000);
	in_flight(
		calls, [&](int which) { runs[which].start(); }, [&](int which) { runs[which].wait(kLong); });
	in_flight(
		calls, [&](int which) { runs[which].start(); }, [&](int which) { runs[which].wait2(kLong); });
	in_flight(
		calls, [&](int which) { xrtRunStart(handles[which]); }, [&](int which) { xrtRunWait(handles[which]); });
	in_flight(
		calls, [&](int which) { xrtRunStart(handles[which]); },
		[&](int which) { xrtRunWaitFor(handles[which], 1000); });
	tell({{"run", {4 * calls}}});
#elif defined(NPU_DOUBLE_LEVEL_ZERO)
	std::array<Work, 2> queues, fences;
	int kernel = 0;
	void *list = &kernel;
	repeat(calls, [&](int) { zeCommandListAppendLaunchKernel(list, &kernel, nullptr, nullptr, 0, nullptr); });
	in_flight(
		calls, [&](int which) { zeCommandQueueExecuteCommandLists(&queues[which], 1, &list, nullptr); },
		[&](int which) { zeCommandQueueSynchronize(&queues[which], UINT64_MAX); });
	in_flight(
		calls, [&](int which) { zeCommandQueueExecuteCommandLists(&queues[0], 1, &list, &fences[which]); },
		[&](int which) { zeFenceHostSynchronize(&fences[which], UINT64_MAX); });
	tell({{"command lists (queue)", {calls}},
	      {"command lists (fence)", {calls}},
	      {"recording of a kernel launch", {calls}}});
#else
#error "one of NPU_DOUBLE_* says which library it calls"
#endif
}

} // namespace

int main(int argc, char **argv)
{
	const int calls = argc == 2 ? std::atoi(argv[1]) : 0;
	if (calls < 1) {
		std::fprintf(stderr, "usage: npu_app CALLS\n");
		return 1;
	}
	std::this_thread::sleep_for(kNotice);
	use(calls);
	return 0;
}
