/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the tables of virtual functions whose calls go by the agent, for x86-64 (System V calling convention).
 *
 * A call of function number N comes to entry N of neuroperf_agent_calls with all registers as its caller set them. That
 * asks neuroperf_agent_begin(), and then
 *   - jumps to the function as if nothing had been (plain),
 *   - calls it from a frame of its own and tells its end (told), or
 *   - does the same by way of neuroperf_agent_slow_call, where a uprobe is: registers and stack pointer are again as at
 *     the function's entry, but for r11, which holds N, so that BPF programs read what descriptions name.
 * Functions find arguments on the stack above their caller's frame, which is not where they look from here: descriptions
 * that let calls go by the agent say that theirs have none. Should one be wrong, the words that may be arguments are
 * there all the same, copied. Exceptions pass the frame by its unwind information; debuggers and profilers too.
 *
 * Uprobes are at nops of one byte, which all kernels emulate. Of one of five bytes Linux 6.18 makes a call, to a page that
 * forked children do not inherit.
 *
 * Only integer registers are kept: agent.c is compiled without the others.
 */
#include <cet.h>

#include "collector/agent/agent_memory.h"

	.text

	.globl neuroperf_agent_calls
	.type neuroperf_agent_calls, @function
	.balign 64
neuroperf_agent_calls:
	.set number, 0
	.rept NP_AGENT_CALLS
	.balign NP_AGENT_CALL_BYTES
	_CET_ENDBR
	movl $number, %r11d
	jmp begin_call
	.set number, number + 1
	.endr
	.size neuroperf_agent_calls, .-neuroperf_agent_calls

	.type begin_call, @function
	.balign 64
begin_call: /* r11d: number of the function */
	.cfi_startproc
	pushq %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq %rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq %r11
	pushq %rax
	pushq %r10
	pushq %r9
	pushq %r8
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	subq $8, %rsp
	movl %r11d, %edi
	leaq 8(%rsp), %rsi
	leaq 8(%rbp), %rdx
	call neuroperf_agent_begin
	addq $8, %rsp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %r8
	popq %r9
	popq %r10
	cmpl $1, %eax /* enum np_agent_way; pop and mov leave the flags alone */
	popq %rax
	popq %r11
	popq %rbp
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ja told_call
	je neuroperf_agent_slow_call
	pushq %r10
	.cfi_def_cfa_offset 16
	leaq neuroperf_agent_functions(%rip), %r10
	movq (%r10, %r11, 8), %r11
	popq %r10
	.cfi_def_cfa_offset 8
	jmp *%r11
	.cfi_endproc
	.size begin_call, .-begin_call

	.globl neuroperf_agent_slow_call
	.type neuroperf_agent_slow_call, @function
	.balign 64
neuroperf_agent_slow_call:
	.cfi_startproc
	nop
told_call:
	pushq %rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq %rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq %r10
	leaq neuroperf_agent_functions(%rip), %r10
	movq (%r10, %r11, 8), %r11
	popq %r10
	.set number, NP_AGENT_COPIED_WORDS
	.rept NP_AGENT_COPIED_WORDS
	pushq 8 + 8 * number(%rbp)
	.set number, number - 1
	.endr
	call *%r11
	movq %rbp, %rsp
	pushq %rax
	pushq %rdx
	leaq 16(%rbp), %rdi
	call neuroperf_agent_end
	testl %eax, %eax
	jnz end_told
	.globl neuroperf_agent_slow_end
	.type neuroperf_agent_slow_end, @function
neuroperf_agent_slow_end: /* NP_AGENT_SLOW_END_PUSHED bytes below the caller's stack pointer */
	nop
end_told:
	popq %rdx
	popq %rax
	popq %rbp
	.cfi_def_cfa %rsp, 8
	ret
	.cfi_endproc
	.size neuroperf_agent_slow_call, .-neuroperf_agent_slow_call

	.section .note.GNU-stack, "", @progbits
