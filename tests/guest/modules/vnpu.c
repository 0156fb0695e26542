// SPDX-License-Identifier: GPL-2.0
/*
 * vnpu: a neuromorphic processor that is not there. /dev/vnpu0 takes jobs, a timer does them, and everything that a
 * profiler wants from a driver is offered: tracepoints, sysfs, a PMU (docs/virtual-npu.md). Start at vnpu_uapi.h.
 *
 * One engine, one queue. vnpu_lock guards the queue, the running job and, of all jobs, what changes. It is taken by the
 * timer, whose callback is an interrupt, so with interrupts off (PREEMPT_RT: a thread, and it may sleep).
 *
 * A job belongs to the file that it came by, is in that file's list until somebody waits for it, and is freed by the
 * wait or with the file. The engine lets go of it when it is done.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vnpu_uapi.h"

struct vnpu_file {
	struct list_head jobs;
};

struct vnpu_job {
	struct list_head in_file;
	struct list_head in_queue; /* empty: on the engine, or done */
	struct completion done;
	u64 number;
	u32 model;
	u32 layers;
	u32 flags;
	ktime_t layer_time;
	pid_t submitter;
	u32 layer; /* the one that runs */
	int status;
};

#define CREATE_TRACE_POINTS
#include "vnpu_trace.h"

static const char vnpu_engine[] = "npu0";

static DEFINE_SPINLOCK(vnpu_lock);
static LIST_HEAD(vnpu_queue);
static struct vnpu_job *vnpu_running;
static ktime_t vnpu_layer_begin;
static ktime_t vnpu_layer_end;
static struct hrtimer vnpu_timer; /* expires when the running layer ends */
static u64 vnpu_last_job;
static u32 vnpu_depth; /* jobs in the queue and on the engine */
static bool vnpu_is_active;

/* What the device did since the module was loaded. Counted with the lock held, read without. */
enum vnpu_counter { VNPU_SPIKES, VNPU_MACS, VNPU_DMA_BYTES, VNPU_JOBS, VNPU_COUNTERS };
static atomic64_t vnpu_counters[VNPU_COUNTERS];
static atomic64_t vnpu_layer_spikes[VNPU_MOST_LAYERS];

/* --- the engine: all with vnpu_lock held --- */

static void vnpu_begin_layer(void)
{
	vnpu_layer_begin = ktime_get();
	if (vnpu_running->flags & VNPU_JOB_HANGS) {
		vnpu_layer_end = KTIME_MAX;
		return;
	}
	vnpu_layer_end = ktime_add(vnpu_layer_begin, vnpu_running->layer_time);
	hrtimer_start(&vnpu_timer, vnpu_layer_end, HRTIMER_MODE_ABS);
}

static void vnpu_set_power(bool active)
{
	if (vnpu_is_active == active)
		return;
	vnpu_is_active = active;
	trace_vnpu_power(vnpu_engine, active ? "active" : "idle", active ? VNPU_ACTIVE_HZ : VNPU_IDLE_HZ);
}

static void vnpu_begin_next_job(void)
{
	if (vnpu_running)
		return;
	vnpu_set_power(!list_empty(&vnpu_queue));
	if (list_empty(&vnpu_queue))
		return;
	vnpu_running = list_first_entry(&vnpu_queue, struct vnpu_job, in_queue);
	list_del_init(&vnpu_running->in_queue);
	trace_vnpu_job_start(vnpu_engine, vnpu_running);
	vnpu_begin_layer();
}

/* Not inlined, and so a place for probes. Whoever waits may free the job as soon as the lock is free. */
static noinline void vnpu_end_job(struct vnpu_job *job, int status)
{
	job->status = status;
	if (vnpu_running == job)
		vnpu_running = NULL;
	vnpu_depth--;
	atomic64_inc(&vnpu_counters[VNPU_JOBS]);
	trace_vnpu_job_done(vnpu_engine, job);
	complete_all(&job->done);
}

static void vnpu_count_layer(const struct vnpu_job *job)
{
	atomic64_add(VNPU_LAYER_SPIKES(job->model, job->layer), &vnpu_counters[VNPU_SPIKES]);
	atomic64_add(VNPU_LAYER_MACS((u64)job->model, job->layer), &vnpu_counters[VNPU_MACS]);
	atomic64_add(VNPU_LAYER_BYTES(job->layer), &vnpu_counters[VNPU_DMA_BYTES]);
	atomic64_add(VNPU_LAYER_SPIKES(job->model, job->layer), &vnpu_layer_spikes[job->layer]);
}

static void vnpu_end_layer(struct vnpu_job *job)
{
	const bool is_last = job->layer + 1 == job->layers;

	if (is_last && job->flags & VNPU_JOB_FAILS) {
		vnpu_end_job(job, -EIO);
		return;
	}
	vnpu_count_layer(job);
	trace_vnpu_layer_done(vnpu_engine, job, ktime_to_ns(ktime_sub(ktime_get(), vnpu_layer_begin)));
	if (is_last) {
		vnpu_end_job(job, 0);
		return;
	}
	job->layer++;
	vnpu_begin_layer();
}

/* The device's interrupt. It may come for a job that was just taken off: then the layer that runs now has time left. */
static enum hrtimer_restart vnpu_timer_expired(struct hrtimer *timer)
{
	unsigned long flags;

	spin_lock_irqsave(&vnpu_lock, flags);
	if (vnpu_running && ktime_compare(ktime_get(), vnpu_layer_end) >= 0) {
		vnpu_end_layer(vnpu_running);
		vnpu_begin_next_job();
	}
	spin_unlock_irqrestore(&vnpu_lock, flags);
	return HRTIMER_NORESTART;
}

/* --- /dev/vnpu0 --- */

static int vnpu_open(struct inode *inode, struct file *file)
{
	struct vnpu_file *own = kzalloc(sizeof(*own), GFP_KERNEL);

	if (!own)
		return -ENOMEM;
	INIT_LIST_HEAD(&own->jobs);
	file->private_data = own;
	return 0;
}

static void vnpu_take_off(struct vnpu_job *job)
{
	if (vnpu_running == job)
		hrtimer_try_to_cancel(&vnpu_timer);
	list_del_init(&job->in_queue);
	vnpu_end_job(job, -ECANCELED);
}

/* No ioctl runs any more: each holds a reference to the file. */
static int vnpu_release(struct inode *inode, struct file *file)
{
	struct vnpu_file *own = file->private_data;
	struct vnpu_job *job, *next;
	unsigned long flags;

	spin_lock_irqsave(&vnpu_lock, flags);
	list_for_each_entry(job, &own->jobs, in_file) {
		if (!completion_done(&job->done))
			vnpu_take_off(job);
	}
	vnpu_begin_next_job();
	spin_unlock_irqrestore(&vnpu_lock, flags);

	list_for_each_entry_safe(job, next, &own->jobs, in_file)
		kfree(job);
	kfree(own);
	return 0;
}

static struct vnpu_job *vnpu_make_job(const struct vnpu_submit *submit)
{
	struct vnpu_job *job;

	if (submit->model >= VNPU_MOST_MODELS || submit->layers < 1 || submit->layers > VNPU_MOST_LAYERS ||
	    submit->layer_us > VNPU_LONGEST_LAYER_US || submit->flags & ~(VNPU_JOB_FAILS | VNPU_JOB_HANGS))
		return ERR_PTR(-EINVAL);
	job = kzalloc(sizeof(*job), GFP_KERNEL);
	if (!job)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&job->in_queue);
	init_completion(&job->done);
	job->model = submit->model;
	job->layers = submit->layers;
	job->flags = submit->flags;
	job->layer_time = ns_to_ktime((u64)submit->layer_us * NSEC_PER_USEC);
	job->submitter = task_tgid_nr(current);
	return job;
}

/* Not inlined, and so a place for probes: what it is given tells the job. */
static noinline u64 vnpu_queue_job(struct vnpu_file *own, struct vnpu_job *job)
{
	unsigned long flags;
	u64 number;

	spin_lock_irqsave(&vnpu_lock, flags);
	number = job->number = ++vnpu_last_job;
	vnpu_depth++;
	trace_vnpu_job_queue(vnpu_engine, job, vnpu_running ? "busy" : "idle", vnpu_depth);
	list_add_tail(&job->in_file, &own->jobs);
	list_add_tail(&job->in_queue, &vnpu_queue);
	vnpu_begin_next_job();
	spin_unlock_irqrestore(&vnpu_lock, flags);
	return number;
}

static long vnpu_submit(struct vnpu_file *own, struct vnpu_submit __user *user)
{
	struct vnpu_submit submit;
	struct vnpu_job *job;

	if (copy_from_user(&submit, user, sizeof(submit)))
		return -EFAULT;
	job = vnpu_make_job(&submit);
	if (IS_ERR(job))
		return PTR_ERR(job);
	return put_user(vnpu_queue_job(own, job), &user->job);
}

/* Takes the job out of the file's list: from now on it belongs to the caller, and to the engine until it is done. */
static struct vnpu_job *vnpu_claim_job(struct vnpu_file *own, u64 number)
{
	struct vnpu_job *job, *found = NULL;
	unsigned long flags;

	spin_lock_irqsave(&vnpu_lock, flags);
	list_for_each_entry(job, &own->jobs, in_file) {
		if (job->number == number) {
			found = job;
			list_del(&job->in_file);
			break;
		}
	}
	spin_unlock_irqrestore(&vnpu_lock, flags);
	return found;
}

static void vnpu_give_back_job(struct vnpu_file *own, struct vnpu_job *job)
{
	unsigned long flags;

	spin_lock_irqsave(&vnpu_lock, flags);
	list_add(&job->in_file, &own->jobs);
	spin_unlock_irqrestore(&vnpu_lock, flags);
}

/* The lock: vnpu_end_job() may still hold it, and the job. */
static int vnpu_free_done_job(struct vnpu_job *job)
{
	unsigned long flags;
	int status;

	spin_lock_irqsave(&vnpu_lock, flags);
	status = job->status;
	spin_unlock_irqrestore(&vnpu_lock, flags);
	kfree(job);
	return status;
}

static noinline long vnpu_wait(struct vnpu_file *own, struct vnpu_wait __user *user)
{
	struct vnpu_wait wait;
	struct vnpu_job *job;
	long left;

	if (copy_from_user(&wait, user, sizeof(wait)))
		return -EFAULT;
	job = vnpu_claim_job(own, wait.job);
	if (!job)
		return -ENOENT;
	left = wait_for_completion_interruptible_timeout(&job->done, msecs_to_jiffies(wait.timeout_ms));
	if (left <= 0) {
		vnpu_give_back_job(own, job);
		return left ? left : -ETIME;
	}
	return put_user(vnpu_free_done_job(job), &user->status);
}

static long vnpu_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case VNPU_SUBMIT:
		return vnpu_submit(file->private_data, (void __user *)argument);
	case VNPU_WAIT:
		return vnpu_wait(file->private_data, (void __user *)argument);
	}
	return -ENOTTY;
}

static const struct file_operations vnpu_file_operations = {
	.owner = THIS_MODULE,
	.open = vnpu_open,
	.release = vnpu_release,
	.unlocked_ioctl = vnpu_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice vnpu_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vnpu0",
	.fops = &vnpu_file_operations,
	.mode = 0666,
};

/* --- /sys/devices/neuromorphic/npu0: totals, which a profiler reads now and then --- */

static ssize_t vnpu_show_counter(char *page, enum vnpu_counter counter)
{
	return sysfs_emit(page, "%lld\n", (long long)atomic64_read(&vnpu_counters[counter]));
}

static ssize_t spikes_total_show(struct device *device, struct device_attribute *attribute, char *page)
{
	return vnpu_show_counter(page, VNPU_SPIKES);
}
static DEVICE_ATTR_RO(spikes_total);

static ssize_t macs_total_show(struct device *device, struct device_attribute *attribute, char *page)
{
	return vnpu_show_counter(page, VNPU_MACS);
}
static DEVICE_ATTR_RO(macs_total);

static ssize_t dma_bytes_total_show(struct device *device, struct device_attribute *attribute, char *page)
{
	return vnpu_show_counter(page, VNPU_DMA_BYTES);
}
static DEVICE_ATTR_RO(dma_bytes_total);

/* Those that ended, in whatever way. */
static ssize_t jobs_total_show(struct device *device, struct device_attribute *attribute, char *page)
{
	return vnpu_show_counter(page, VNPU_JOBS);
}
static DEVICE_ATTR_RO(jobs_total);

static ssize_t queue_depth_show(struct device *device, struct device_attribute *attribute, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(vnpu_depth));
}
static DEVICE_ATTR_RO(queue_depth);

/* A line for each layer of a model, whichever: its number, and the spikes so far. */
static ssize_t neuron_activity_show(struct device *device, struct device_attribute *attribute, char *page)
{
	int layer, length = 0;

	for (layer = 0; layer < VNPU_MOST_LAYERS; layer++)
		length += sysfs_emit_at(page, length, "%d %lld\n", layer,
					(long long)atomic64_read(&vnpu_layer_spikes[layer]));
	return length;
}
static DEVICE_ATTR_RO(neuron_activity);

static struct attribute *vnpu_attrs[] = {
	&dev_attr_spikes_total.attr,
	&dev_attr_macs_total.attr,
	&dev_attr_dma_bytes_total.attr,
	&dev_attr_jobs_total.attr,
	&dev_attr_queue_depth.attr,
	&dev_attr_neuron_activity.attr,
	NULL,
};
ATTRIBUTE_GROUPS(vnpu);

static struct device *vnpu_bus_device; /* /sys/devices/neuromorphic */
static struct device *vnpu_device;

static void vnpu_device_release(struct device *device)
{
	kfree(device);
}

static int vnpu_add_device(void)
{
	int error;

	vnpu_bus_device = root_device_register("neuromorphic");
	if (IS_ERR(vnpu_bus_device))
		return PTR_ERR(vnpu_bus_device);
	vnpu_device = kzalloc(sizeof(*vnpu_device), GFP_KERNEL);
	if (!vnpu_device) {
		root_device_unregister(vnpu_bus_device);
		return -ENOMEM;
	}
	device_initialize(vnpu_device);
	vnpu_device->parent = vnpu_bus_device;
	vnpu_device->groups = vnpu_groups;
	vnpu_device->release = vnpu_device_release;
	error = dev_set_name(vnpu_device, vnpu_engine);
	if (!error)
		error = device_add(vnpu_device);
	if (error) {
		put_device(vnpu_device);
		root_device_unregister(vnpu_bus_device);
	}
	return error;
}

static void vnpu_remove_device(void)
{
	device_unregister(vnpu_device);
	root_device_unregister(vnpu_bus_device);
}

/*
 * --- the PMU: perf_event_open() on vnpu/spikes/, vnpu/macs/, vnpu/dma_bytes/, vnpu/jobs/ ---
 *
 * One device, whoever uses it: like those of memory controllers the PMU counts for the machine, not for a task, and is
 * opened on the CPU that "cpumask" names. It has no interrupt, so it cannot sample.
 */

static struct pmu vnpu_pmu;

static int vnpu_event_init(struct perf_event *event)
{
	if (event->attr.type != vnpu_pmu.type)
		return -ENOENT;
	if (event->attr.config >= VNPU_COUNTERS || event->cpu < 0)
		return -EINVAL;
	return 0;
}

static void vnpu_event_read(struct perf_event *event)
{
	const s64 now = atomic64_read(&vnpu_counters[event->attr.config]);

	local64_add(now - local64_xchg(&event->hw.prev_count, now), &event->count);
}

static void vnpu_event_start(struct perf_event *event, int flags)
{
	local64_set(&event->hw.prev_count, atomic64_read(&vnpu_counters[event->attr.config]));
	event->hw.state = 0;
}

static void vnpu_event_stop(struct perf_event *event, int flags)
{
	if (event->hw.state & PERF_HES_STOPPED)
		return;
	vnpu_event_read(event);
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

static int vnpu_event_add(struct perf_event *event, int flags)
{
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	if (flags & PERF_EF_START)
		vnpu_event_start(event, flags);
	return 0;
}

static void vnpu_event_del(struct perf_event *event, int flags)
{
	vnpu_event_stop(event, flags);
}

PMU_FORMAT_ATTR(event, "config:0-7");
static struct attribute *vnpu_format_attrs[] = {&format_attr_event.attr, NULL};
static const struct attribute_group vnpu_format_group = {.name = "format", .attrs = vnpu_format_attrs};

/* The numbers are those of enum vnpu_counter. */
PMU_EVENT_ATTR_STRING(spikes, vnpu_event_spikes, "event=0");
PMU_EVENT_ATTR_STRING(macs, vnpu_event_macs, "event=1");
PMU_EVENT_ATTR_STRING(dma_bytes, vnpu_event_dma_bytes, "event=2");
PMU_EVENT_ATTR_STRING(jobs, vnpu_event_jobs, "event=3");
static_assert(VNPU_SPIKES == 0 && VNPU_MACS == 1 && VNPU_DMA_BYTES == 2 && VNPU_JOBS == 3);
static struct attribute *vnpu_event_attrs[] = {
	&vnpu_event_spikes.attr.attr,
	&vnpu_event_macs.attr.attr,
	&vnpu_event_dma_bytes.attr.attr,
	&vnpu_event_jobs.attr.attr,
	NULL,
};
static const struct attribute_group vnpu_event_group = {.name = "events", .attrs = vnpu_event_attrs};

/* A driver whose users may take CPU 0 away moves its events to another (cpuhp_setup_state_multi()). */
static ssize_t cpumask_show(struct device *device, struct device_attribute *attribute, char *page)
{
	return sysfs_emit(page, "0\n");
}
static DEVICE_ATTR_RO(cpumask);
static struct attribute *vnpu_cpumask_attrs[] = {&dev_attr_cpumask.attr, NULL};
static const struct attribute_group vnpu_cpumask_group = {.attrs = vnpu_cpumask_attrs};

static const struct attribute_group *vnpu_pmu_groups[] = {
	&vnpu_format_group,
	&vnpu_event_group,
	&vnpu_cpumask_group,
	NULL,
};

static struct pmu vnpu_pmu = {
	.module = THIS_MODULE,
	.task_ctx_nr = perf_invalid_context,
	.capabilities = PERF_PMU_CAP_NO_INTERRUPT | PERF_PMU_CAP_NO_EXCLUDE,
	.attr_groups = vnpu_pmu_groups,
	.event_init = vnpu_event_init,
	.add = vnpu_event_add,
	.del = vnpu_event_del,
	.start = vnpu_event_start,
	.stop = vnpu_event_stop,
	.read = vnpu_event_read,
};

/* --- the module --- */

static int __init vnpu_init(void)
{
	int error;

#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(&vnpu_timer, vnpu_timer_expired, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
#else
	hrtimer_init(&vnpu_timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	vnpu_timer.function = vnpu_timer_expired;
#endif
	error = vnpu_add_device();
	if (error)
		return error;
	error = perf_pmu_register(&vnpu_pmu, "vnpu", -1);
	if (error)
		goto remove_device;
	vnpu_node.parent = vnpu_device;
	error = misc_register(&vnpu_node); /* last: from here on there are jobs */
	if (error)
		goto unregister_pmu;
	return 0;

unregister_pmu:
	perf_pmu_unregister(&vnpu_pmu);
remove_device:
	vnpu_remove_device();
	return error;
}

/* No file is open, so there is no job. The timer's callback may yet be on its way out. */
static void __exit vnpu_exit(void)
{
	misc_deregister(&vnpu_node);
	hrtimer_cancel(&vnpu_timer);
	perf_pmu_unregister(&vnpu_pmu);
	vnpu_remove_device();
}

module_init(vnpu_init);
module_exit(vnpu_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual neuromorphic processor");
