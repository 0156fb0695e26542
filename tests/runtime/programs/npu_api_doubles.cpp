// SPDX-License-Identifier: Apache-2.0
// Stands in for runtimes whose hardware is not here: libraries that export the same names, and sleep. One source, one
// library for each NPU_DOUBLE_*; none of the real runtimes' code.
#include "npu_apis.hpp"

#include <thread>

namespace {
constexpr std::chrono::microseconds kWork(500);
} // namespace

void Work::start()
{
	done = std::chrono::steady_clock::now() + kWork;
}

void Work::wait() const
{
	std::this_thread::sleep_until(done);
}

#if defined(NPU_DOUBLE_TFLITE) || defined(NPU_DOUBLE_TFLITE_CPP) || defined(NPU_DOUBLE_RKNN) ||                        \
	defined(NPU_DOUBLE_HAILORT)
static int work()
{
	Work one;
	one.start();
	one.wait();
	return 0;
}
#endif

#ifdef NPU_DOUBLE_OPENVINO
namespace ov {
InferRequest::InferRequest() : impl_(std::make_shared<Work>()) {}
void InferRequest::infer()
{
	impl_->start();
	impl_->wait();
}
void InferRequest::start_async()
{
	impl_->start();
}
void InferRequest::wait()
{
	impl_->wait();
}
bool InferRequest::wait_for(std::chrono::milliseconds)
{
	return std::chrono::steady_clock::now() >= impl_->done;
}
} // namespace ov
#endif

#ifdef NPU_DOUBLE_OPENVINO_C // in a library of its own, on top of the C++ one
struct ov_infer_request {
	ov::InferRequest object;
};
ov_infer_request *npu_double_ov_request()
{
	static ov_infer_request requests[2];
	static int next = 0;
	return &requests[next++ % 2];
}
int ov_infer_request_infer(ov_infer_request *request)
{
	request->object.infer();
	return 0;
}
int ov_infer_request_start_async(ov_infer_request *request)
{
	request->object.start_async();
	return 0;
}
int ov_infer_request_wait(ov_infer_request *request)
{
	request->object.wait();
	return 0;
}
#endif

#ifdef NPU_DOUBLE_TFLITE
int TfLiteInterpreterInvoke(void *interpreter)
{
	return work() + (interpreter ? 0 : 1);
}
int TfLiteSignatureRunnerInvoke(void *runner)
{
	return work() + (runner ? 0 : 1);
}
void TfLiteRegistrationExternalSetInvoke(void *registration, int (*invoke)(void *, void *))
{
	*static_cast<int (**)(void *, void *)>(registration) = invoke;
}
#endif

#ifdef NPU_DOUBLE_TFLITE_CPP
int tflite::impl::Interpreter::Invoke()
{
	return tensors_ + work();
}
#endif

#ifdef NPU_DOUBLE_RKNN
int rknn_run(uint64_t context, void *extend)
{
	return context && !extend ? work() : -1;
}
int rknn_outputs_get(uint64_t context, uint32_t count, void *outputs, void *)
{
	return context && count && outputs ? 0 : -1;
}
#endif

#ifdef NPU_DOUBLE_HAILORT
namespace hailort {
ConfiguredInferModel::ConfiguredInferModel() : pimpl_(std::make_shared<Work>()) {}
int ConfiguredInferModel::run(const Bindings &, std::chrono::milliseconds)
{
	pimpl_->start();
	pimpl_->wait();
	return 0;
}
int ConfiguredInferModel::run_async(const Bindings &)
{
	pimpl_->start();
	return 0;
}
int OutputVStream::read(MemoryView buffer)
{
	return buffer.size ? work() : -1;
}
int InferVStreams::infer(const std::map<std::string, MemoryView> &, std::map<std::string, MemoryView> &outputs,
			 std::size_t frames)
{
	int status = 0;
	for (std::size_t frame = 0; frame < frames; frame++)
		for (const auto &[name, buffer] : outputs)
			status |= output_.read(buffer);
	return status;
}
} // namespace hailort
int hailo_infer(void *group, void *, void *, std::size_t, void *, void *output_buffers, std::size_t, std::size_t frames)
{
	std::map<std::string, hailort::MemoryView> outputs{{"output", {output_buffers, 1}}};
	return static_cast<hailort::InferVStreams *>(group)->infer({}, outputs, frames);
}
int hailo_vstream_read_raw_buffer(void *stream, void *buffer, std::size_t size)
{
	return static_cast<hailort::OutputVStream *>(stream)->read({buffer, size});
}
#endif

#ifdef NPU_DOUBLE_XRT
namespace xrt {
run::run() : handle_(std::make_shared<Work>()) {}
void run::start()
{
	handle_->start();
}
int run::wait(const std::chrono::milliseconds &) const
{
	handle_->wait();
	return 4;
}
int run::wait2(const std::chrono::milliseconds &) const
{
	handle_->wait();
	return 0;
}
} // namespace xrt
void *npu_double_xrt_run()
{
	static Work runs[2];
	static int next = 0;
	return &runs[next++ % 2];
}
int xrtRunStart(void *run)
{
	static_cast<Work *>(run)->start();
	return 0;
}
int xrtRunWait(void *run)
{
	static_cast<Work *>(run)->wait();
	return 4;
}
int xrtRunWaitFor(void *run, unsigned)
{
	static_cast<Work *>(run)->wait();
	return 5;
}
#endif

#ifdef NPU_DOUBLE_LEVEL_ZERO
int zeCommandListAppendLaunchKernel(void *list, void *kernel, const void *, void *, uint32_t waits, void **)
{
	return list && kernel ? static_cast<int>(waits) : 1;
}
int zeCommandQueueExecuteCommandLists(void *queue, uint32_t count, void **lists, void *fence)
{
	static_cast<Work *>(fence ? fence : queue)->start();
	return count && lists ? 0 : 1;
}
int zeCommandQueueSynchronize(void *queue, uint64_t)
{
	static_cast<Work *>(queue)->wait();
	return 0;
}
int zeFenceHostSynchronize(void *fence, uint64_t)
{
	static_cast<Work *>(fence)->wait();
	return 0;
}
#endif
