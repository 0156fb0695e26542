// SPDX-License-Identifier: Apache-2.0
// The few functions of runtimes for accelerators that npu_app.cpp calls and npu_api_doubles.cpp stands in for: names,
// order of arguments and where objects keep their handle are those of the public interfaces, all else is ours.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#define NPU_API __attribute__((visibility("default")))

// What the doubles keep of a request: when it will be done.
struct Work {
	std::chrono::steady_clock::time_point done{};
	void start();
	void wait() const;
};

namespace ov {
class NPU_API InferRequest {
public:
	InferRequest();
	void infer();
	void start_async();
	void wait();
	bool wait_for(std::chrono::milliseconds timeout);

private:
	std::shared_ptr<Work> impl_;
	std::shared_ptr<void> so_;
};
} // namespace ov

namespace tflite::impl {
class NPU_API Interpreter {
public:
	int Invoke();

private:
	int tensors_ = 0;
};
} // namespace tflite::impl

namespace hailort {
class NPU_API MemoryView {
public:
	void *data = nullptr;
	std::size_t size = 0;
};
class NPU_API ConfiguredInferModel {
public:
	class NPU_API Bindings {};
	ConfiguredInferModel();
	int run(const Bindings &bindings, std::chrono::milliseconds timeout);
	int run_async(const Bindings &bindings); // not described: must not be counted

private:
	std::shared_ptr<Work> pimpl_;
};
class NPU_API OutputVStream {
public:
	virtual ~OutputVStream() = default;
	int read(MemoryView buffer);
};
class NPU_API InferVStreams {
public:
	int infer(const std::map<std::string, MemoryView> &inputs, std::map<std::string, MemoryView> &outputs,
		  std::size_t frames);

private:
	OutputVStream output_;
};
} // namespace hailort

namespace xrt {
class NPU_API run {
public:
	run();
	void start();
	int wait(const std::chrono::milliseconds &timeout) const;
	int wait2(const std::chrono::milliseconds &timeout) const;

private:
	std::shared_ptr<Work> handle_;
};
} // namespace xrt

extern "C" {
struct ov_infer_request;
NPU_API ov_infer_request *npu_double_ov_request(); // the real ones come from a compiled model
NPU_API int ov_infer_request_infer(ov_infer_request *request);
NPU_API int ov_infer_request_start_async(ov_infer_request *request);
NPU_API int ov_infer_request_wait(ov_infer_request *request);

NPU_API int TfLiteInterpreterInvoke(void *interpreter);
NPU_API int TfLiteSignatureRunnerInvoke(void *runner);
NPU_API void TfLiteRegistrationExternalSetInvoke(void *registration, int (*invoke)(void *, void *));

NPU_API int rknn_run(uint64_t context, void *extend);
NPU_API int rknn_outputs_get(uint64_t context, uint32_t count, void *outputs, void *extend);

NPU_API int hailo_infer(void *group, void *inputs, void *input_buffers, std::size_t input_count, void *outputs,
			void *output_buffers, std::size_t output_count, std::size_t frames);
NPU_API int hailo_vstream_read_raw_buffer(void *stream, void *buffer, std::size_t size);

NPU_API void *npu_double_xrt_run();
NPU_API int xrtRunStart(void *run);
NPU_API int xrtRunWait(void *run);
NPU_API int xrtRunWaitFor(void *run, unsigned timeout_ms);

NPU_API int zeCommandListAppendLaunchKernel(void *list, void *kernel, const void *groups, void *signal, uint32_t waits,
					    void **wait_for);
NPU_API int zeCommandQueueExecuteCommandLists(void *queue, uint32_t count, void **lists, void *fence);
NPU_API int zeCommandQueueSynchronize(void *queue, uint64_t timeout_ns);
NPU_API int zeFenceHostSynchronize(void *fence, uint64_t timeout_ns);
}
