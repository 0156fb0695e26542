// SPDX-License-Identifier: GPL-2.0
/*
 * vdrm: a DRM driver without hardware. Jobs pass the kernel's drm_gpu_scheduler, whose back end here is a timer, so
 * that the real events of gpu_scheduler and dma_fence are seen, as of any driver that uses it. Start at vdrm_uapi.h.
 *
 * A ring is a scheduler and an engine. The scheduler hands over as many jobs as `credits` allows; the engine does one
 * after the other, in interrupts of its timer. With more than one credit a job that "runs", to the scheduler, may yet
 * wait in the hardware; profilers have to see through that.
 *
 * Life: the scheduler owns jobs until vdrm_free_job(); the engine owns a reference to each fence that it has yet to
 * signal; a client is owned by its open file and by the fences of its jobs, which add to its busy time when they end.
 */
#include <linux/dma-fence.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_print.h>
#include <drm/gpu_scheduler.h>

#include "vdrm_uapi.h"

#if IS_ENABLED(CONFIG_DRM_ACCEL)
#include <drm/drm_accel.h>
#define VDRM_NODE DRIVER_COMPUTE_ACCEL
#define vdrm_open_node accel_open
#else
#define VDRM_NODE DRIVER_RENDER
#define vdrm_open_node drm_open
#endif

static unsigned int credits = 2;
module_param(credits, uint, 0444);
MODULE_PARM_DESC(credits, "Jobs of a ring that the scheduler hands over before the first of them is done");

static const char *const vdrm_ring_names[VDRM_RINGS] = {"npu0", "npu1"};

struct vdrm_ring {
	struct drm_gpu_scheduler scheduler;
	unsigned int number;
	u64 context; /* of the fences */
	atomic_t last_seqno;
	spinlock_t fence_lock;
	spinlock_t pending_lock;
	struct list_head pending; /* fences of jobs that were handed over; the first one's job is being done */
	struct hrtimer timer;     /* expires when it is */
	atomic_t jobs;            /* made and not freed */
	wait_queue_head_t idle;
};

struct vdrm_device {
	struct drm_device drm;
	struct vdrm_ring rings[VDRM_RINGS];
};

struct vdrm_client {
	struct kref references;
	u64 id;
	struct drm_sched_entity entities[VDRM_RINGS];
	struct mutex submit_lock; /* jobs are to be armed and pushed in the same order */
	struct xarray fences;     /* of jobs, by their numbers, until they were waited for */
	u32 last_job;
	atomic64_t busy_ns[VDRM_RINGS];
};

struct vdrm_fence {
	struct dma_fence base; /* first: dma_fence_free() frees what is at its address */
	struct list_head in_pending;
	struct vdrm_ring *ring;
	struct vdrm_client *client;
	ktime_t duration;
};

struct vdrm_job {
	struct drm_sched_job base;
	struct vdrm_ring *ring;
	struct vdrm_fence *fence; /* made with the job, since running it must not allocate. NULL: was handed over */
};

static void vdrm_free_client(struct kref *references)
{
	kfree(container_of(references, struct vdrm_client, references));
}

/* --- the engine of a ring --- */

static const char *vdrm_driver_name(struct dma_fence *fence)
{
	return "vdrm";
}

static const char *vdrm_timeline_name(struct dma_fence *fence)
{
	return vdrm_ring_names[container_of(fence, struct vdrm_fence, base)->ring->number];
}

static const struct dma_fence_ops vdrm_fence_ops = {
	.get_driver_name = vdrm_driver_name,
	.get_timeline_name = vdrm_timeline_name,
};

static void vdrm_begin_first(struct vdrm_ring *ring)
{
	const struct vdrm_fence *first = list_first_entry_or_null(&ring->pending, struct vdrm_fence, in_pending);

	if (first)
		hrtimer_start(&ring->timer, first->duration, HRTIMER_MODE_REL);
}

/* The device's interrupt. PREEMPT_RT: a thread. */
static enum hrtimer_restart vdrm_timer_expired(struct hrtimer *timer)
{
	struct vdrm_ring *ring = container_of(timer, struct vdrm_ring, timer);
	struct vdrm_fence *done;
	unsigned long flags;

	spin_lock_irqsave(&ring->pending_lock, flags);
	done = list_first_entry(&ring->pending, struct vdrm_fence, in_pending);
	list_del(&done->in_pending);
	vdrm_begin_first(ring);
	spin_unlock_irqrestore(&ring->pending_lock, flags);

	atomic64_add(ktime_to_ns(done->duration), &done->client->busy_ns[ring->number]);
	kref_put(&done->client->references, vdrm_free_client);
	dma_fence_signal(&done->base);
	dma_fence_put(&done->base);
	return HRTIMER_NORESTART;
}

/* --- what the scheduler asks for --- */

static struct dma_fence *vdrm_run_job(struct drm_sched_job *base)
{
	struct vdrm_job *job = container_of(base, struct vdrm_job, base);
	struct vdrm_fence *fence = job->fence;
	struct vdrm_ring *ring = job->ring;
	unsigned long flags;

	job->fence = NULL;
	dma_fence_init(&fence->base, &vdrm_fence_ops, &ring->fence_lock, ring->context,
		       atomic_inc_return(&ring->last_seqno));
	dma_fence_get(&fence->base); /* one for the engine, one for the scheduler */

	spin_lock_irqsave(&ring->pending_lock, flags);
	list_add_tail(&fence->in_pending, &ring->pending);
	if (list_is_singular(&ring->pending))
		vdrm_begin_first(ring);
	spin_unlock_irqrestore(&ring->pending_lock, flags);
	return &fence->base;
}

static void vdrm_free_job(struct drm_sched_job *base)
{
	struct vdrm_job *job = container_of(base, struct vdrm_job, base);
	struct vdrm_ring *ring = job->ring;

	drm_sched_job_cleanup(&job->base);
	if (job->fence) {
		kref_put(&job->fence->client->references, vdrm_free_client);
		kfree(job->fence);
	}
	kfree(job);
	if (atomic_dec_and_test(&ring->jobs))
		wake_up_all(&ring->idle);
}

/* Without timedout_job: this hardware is never late, and no timeout is asked for. */
static const struct drm_sched_backend_ops vdrm_scheduler_ops = {
	.run_job = vdrm_run_job,
	.free_job = vdrm_free_job,
};

static int vdrm_init_scheduler(struct vdrm_ring *ring, struct device *device)
{
	const char *name = vdrm_ring_names[ring->number];
#if defined(HAVE_SCHED_INIT_ARGS)
	const struct drm_sched_init_args args = {
		.ops = &vdrm_scheduler_ops,
#if defined(HAVE_SCHED_NUM_RQS)
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
#endif
		.credit_limit = credits,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = name,
		.dev = device,
	};
	return drm_sched_init(&ring->scheduler, &args);
#elif defined(HAVE_SCHED_CREDITS)
	return drm_sched_init(&ring->scheduler, &vdrm_scheduler_ops, NULL, DRM_SCHED_PRIORITY_COUNT, credits, 0,
			      MAX_SCHEDULE_TIMEOUT, NULL, NULL, name, device);
#else
	return drm_sched_init(&ring->scheduler, &vdrm_scheduler_ops, credits, 0, MAX_SCHEDULE_TIMEOUT, NULL, NULL, name,
			      device);
#endif
}

static int vdrm_init_job(struct vdrm_job *job, struct vdrm_client *client, struct drm_file *file)
{
	struct drm_sched_entity *entity = &client->entities[job->ring->number];
#if defined(HAVE_SCHED_CLIENT_ID)
	return drm_sched_job_init(&job->base, entity, 1, client, file->client_id);
#elif defined(HAVE_SCHED_CREDITS)
	return drm_sched_job_init(&job->base, entity, 1, client);
#else
	return drm_sched_job_init(&job->base, entity, client);
#endif
}

/* --- ioctls --- */

static struct vdrm_job *vdrm_make_job(struct vdrm_ring *ring, struct drm_file *file, u32 duration_us)
{
	struct vdrm_client *client = file->driver_priv;
	struct vdrm_job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	struct vdrm_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL);
	int error = -ENOMEM;

	if (!job || !fence)
		goto free;
	job->ring = ring;
	error = vdrm_init_job(job, client, file);
	if (error)
		goto free;
	kref_get(&client->references);
	fence->client = client;
	fence->ring = ring;
	fence->duration = ns_to_ktime((u64)duration_us * NSEC_PER_USEC);
	job->fence = fence;
	atomic_inc(&ring->jobs);
	return job;

free:
	kfree(fence);
	kfree(job);
	return ERR_PTR(error);
}

/* NULL: the client has no such job, or waited for it. */
static struct dma_fence *vdrm_get_fence(struct vdrm_client *client, u32 job)
{
	struct dma_fence *fence;

	xa_lock(&client->fences);
	fence = xa_load(&client->fences, job);
	if (fence)
		dma_fence_get(fence);
	xa_unlock(&client->fences);
	return fence;
}

static int vdrm_add_dependency(struct vdrm_job *job, struct vdrm_client *client, u32 after)
{
	struct dma_fence *fence = vdrm_get_fence(client, after);

	return fence ? drm_sched_job_add_dependency(&job->base, fence) : -ENOENT;
}

static int vdrm_push_job(struct vdrm_job *job, struct vdrm_client *client, u32 *number)
{
	int error;

	mutex_lock(&client->submit_lock);
	error = xa_reserve(&client->fences, client->last_job + 1, GFP_KERNEL);
	if (!error) {
		*number = ++client->last_job;
		drm_sched_job_arm(&job->base);
		xa_store(&client->fences, *number, dma_fence_get(&job->base.s_fence->finished), GFP_KERNEL);
		drm_sched_entity_push_job(&job->base);
	}
	mutex_unlock(&client->submit_lock);
	return error;
}

static int vdrm_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct vdrm_device *device = container_of(drm, struct vdrm_device, drm);
	struct vdrm_client *client = file->driver_priv;
	struct vdrm_submit *submit = data;
	struct vdrm_job *job;
	int error = 0;

	if (submit->ring >= VDRM_RINGS || submit->duration_us > VDRM_LONGEST_JOB_US)
		return -EINVAL;
	job = vdrm_make_job(&device->rings[submit->ring], file, submit->duration_us);
	if (IS_ERR(job))
		return PTR_ERR(job);
	if (submit->after)
		error = vdrm_add_dependency(job, client, submit->after);
	if (!error)
		error = vdrm_push_job(job, client, &submit->job);
	if (error)
		vdrm_free_job(&job->base);
	return error;
}

static int vdrm_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct vdrm_client *client = file->driver_priv;
	const struct vdrm_wait *wait = data;
	struct dma_fence *fence = vdrm_get_fence(client, wait->job);
	long left;

	if (!fence)
		return -ENOENT;
	left = dma_fence_wait_timeout(fence, true, msecs_to_jiffies(wait->timeout_ms));
	if (left > 0)
		dma_fence_put(xa_erase(&client->fences, wait->job));
	dma_fence_put(fence);
	return left > 0 ? 0 : left ? left : -ETIME;
}

static const struct drm_ioctl_desc vdrm_ioctls[] = {
	DRM_IOCTL_DEF_DRV(VDRM_SUBMIT, vdrm_submit, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(VDRM_WAIT, vdrm_wait, DRM_RENDER_ALLOW),
};

/* --- clients --- */

static int vdrm_open(struct drm_device *drm, struct drm_file *file)
{
	static atomic64_t last_id;
	struct vdrm_device *device = container_of(drm, struct vdrm_device, drm);
	struct vdrm_client *client = kzalloc(sizeof(*client), GFP_KERNEL);
	unsigned int i;

	if (!client)
		return -ENOMEM;
	kref_init(&client->references);
	client->id = atomic64_inc_return(&last_id);
	mutex_init(&client->submit_lock);
	xa_init(&client->fences);
	for (i = 0; i < VDRM_RINGS; i++) {
		struct drm_gpu_scheduler *scheduler = &device->rings[i].scheduler;
		int error = drm_sched_entity_init(&client->entities[i], DRM_SCHED_PRIORITY_NORMAL, &scheduler, 1, NULL);

		if (error) {
			while (i--)
				drm_sched_entity_destroy(&client->entities[i]);
			kfree(client);
			return error;
		}
	}
	file->driver_priv = client;
	return 0;
}

static void vdrm_close(struct drm_device *drm, struct drm_file *file)
{
	struct vdrm_client *client = file->driver_priv;
	struct dma_fence *fence;
	unsigned long number;
	unsigned int i;

	for (i = 0; i < VDRM_RINGS; i++)
		drm_sched_entity_destroy(&client->entities[i]);
	xa_for_each(&client->fences, number, fence)
		dma_fence_put(fence);
	xa_destroy(&client->fences);
	mutex_destroy(&client->submit_lock);
	kref_put(&client->references, vdrm_free_client);
}

/* Documentation/gpu/drm-usage-stats.rst: how long each engine was busy for this open file, in /proc/PID/fdinfo/FD. */
static void vdrm_print_engines(struct drm_printer *printer, struct vdrm_client *client)
{
	unsigned int i;

	for (i = 0; i < VDRM_RINGS; i++)
		drm_printf(printer, "drm-engine-%s:\t%lld ns\n", vdrm_ring_names[i],
			   (long long)atomic64_read(&client->busy_ns[i]));
}

#ifdef HAVE_DRM_SHOW_FDINFO
static void vdrm_show_engines(struct drm_printer *printer, struct drm_file *file)
{
	vdrm_print_engines(printer, file->driver_priv);
}
#define vdrm_show_fdinfo drm_show_fdinfo /* which tells the driver and the client, and then calls the above */
#else
static void vdrm_show_fdinfo(struct seq_file *lines, struct file *file)
{
	struct drm_file *drm_file = file->private_data;
	struct vdrm_client *client = drm_file->driver_priv;
	struct drm_printer printer = drm_seq_file_printer(lines);

	drm_printf(&printer, "drm-driver:\tvdrm\ndrm-client-id:\t%llu\n", client->id);
	vdrm_print_engines(&printer, client);
}
#endif

static const struct file_operations vdrm_file_operations = {
	.owner = THIS_MODULE,
	.open = vdrm_open_node,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.show_fdinfo = vdrm_show_fdinfo,
#ifdef FOP_UNSIGNED_OFFSET
	.fop_flags = FOP_UNSIGNED_OFFSET,
#endif
};

static const struct drm_driver vdrm_driver = {
	.driver_features = VDRM_NODE,
	.name = "vdrm",
	.desc = "Virtual NPU behind the DRM scheduler",
	.major = 1,
#ifdef HAVE_DRM_DATE
	.date = "20261129", /* programs are told it, whether they look or not */
#endif
	.fops = &vdrm_file_operations,
	.open = vdrm_open,
	.postclose = vdrm_close,
	.ioctls = vdrm_ioctls,
	.num_ioctls = ARRAY_SIZE(vdrm_ioctls),
#ifdef HAVE_DRM_SHOW_FDINFO
	.show_fdinfo = vdrm_show_engines,
#endif
};

/* --- the device: actions undo, in reverse order, what probing did --- */

static void vdrm_fini_ring(void *data)
{
	struct vdrm_ring *ring = data;

	drm_sched_fini(&ring->scheduler);
	hrtimer_cancel(&ring->timer);
}

static int vdrm_init_ring(struct vdrm_ring *ring, unsigned int number, struct device *device)
{
	int error;

	ring->number = number;
	ring->context = dma_fence_context_alloc(1);
	spin_lock_init(&ring->fence_lock);
	spin_lock_init(&ring->pending_lock);
	INIT_LIST_HEAD(&ring->pending);
	init_waitqueue_head(&ring->idle);
#ifdef HAVE_HRTIMER_SETUP
	hrtimer_setup(&ring->timer, vdrm_timer_expired, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&ring->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	ring->timer.function = vdrm_timer_expired;
#endif
	error = vdrm_init_scheduler(ring, device);
	return error ? error : devm_add_action_or_reset(device, vdrm_fini_ring, ring);
}

/* No file is open, but the hardware may still be busy with jobs of the last one. */
static void vdrm_unplug(void *data)
{
	struct vdrm_device *device = data;
	unsigned int i;

	drm_dev_unplug(&device->drm);
	for (i = 0; i < VDRM_RINGS; i++)
		wait_event(device->rings[i].idle, atomic_read(&device->rings[i].jobs) == 0);
}

static int vdrm_probe(struct platform_device *platform)
{
	struct vdrm_device *device;
	unsigned int i;
	int error;

	device = devm_drm_dev_alloc(&platform->dev, &vdrm_driver, struct vdrm_device, drm);
	if (IS_ERR(device))
		return PTR_ERR(device);
	for (i = 0; i < VDRM_RINGS; i++) {
		error = vdrm_init_ring(&device->rings[i], i, &platform->dev);
		if (error)
			return error;
	}
	error = drm_dev_register(&device->drm, 0);
	return error ? error : devm_add_action_or_reset(&platform->dev, vdrm_unplug, device);
}

/* Without "unbind" in sysfs: only unloading, which waits for open files, may take the device away. */
static struct platform_driver vdrm_platform_driver = {
	.probe = vdrm_probe,
	.driver = {.name = "vdrm", .suppress_bind_attrs = true},
};

static struct platform_device *vdrm_platform_device;

static int __init vdrm_init(void)
{
	int error = platform_driver_register(&vdrm_platform_driver);

	if (error)
		return error;
	vdrm_platform_device = platform_device_register_simple("vdrm", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(vdrm_platform_device)) {
		platform_driver_unregister(&vdrm_platform_driver);
		return PTR_ERR(vdrm_platform_device);
	}
	return 0;
}

static void __exit vdrm_exit(void)
{
	platform_device_unregister(vdrm_platform_device);
	platform_driver_unregister(&vdrm_platform_driver);
}

module_init(vdrm_init);
module_exit(vdrm_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Virtual NPU behind the DRM scheduler");
