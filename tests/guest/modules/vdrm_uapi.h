/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * vdrm, a DRM device without hardware whose jobs pass the kernel's real scheduler: what programs tell it.
 *
 * The node is the one whose DRM_IOCTL_VERSION names "vdrm": /dev/accel/accelN, or /dev/dri/renderDN where the kernel
 * has no accel nodes. Two rings, npu0 and npu1, each with an engine that does one job after the other.
 */
#ifndef VDRM_UAPI_H
#define VDRM_UAPI_H

#include <drm/drm.h>

#define VDRM_RINGS 2
#define VDRM_LONGEST_JOB_US 10000000

struct vdrm_submit {
	__u32 ring;
	__u32 duration_us; /* up to VDRM_LONGEST_JOB_US */
	__u32 after;       /* a job of the same open file that must end first, or 0 */
	__u32 job;         /* told: counts from 1 in each open file */
};

/*
 * Blocks in dma_fence_wait(). Each job can be waited for once; the fences of jobs that nobody waits for stay as long as
 * the file is open.
 */
struct vdrm_wait {
	__u32 job;
	__u32 timeout_ms; /* ETIME when it passed; the job can then be waited for again */
};

#define DRM_IOCTL_VDRM_SUBMIT DRM_IOWR(DRM_COMMAND_BASE + 0, struct vdrm_submit)
#define DRM_IOCTL_VDRM_WAIT DRM_IOW(DRM_COMMAND_BASE + 1, struct vdrm_wait)

#endif
