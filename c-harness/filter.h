/*
 * What is in linux/filter.h and linux/seccomp.h: musl-gcc finds no headers of the kernel's.
 */
#ifndef FILTER_H
#define FILTER_H

#include <stdint.h>

struct sock_filter {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

struct sock_fprog {
	unsigned short len;
	struct sock_filter *filter;
};

struct seccomp_data {
	int nr;
	uint32_t arch;
	uint64_t instruction_pointer, args[6];
};

enum {
	LOAD_WORD = 0x20, /* BPF_LD | BPF_W | BPF_ABS */
	JUMP_IF_EQUAL = 0x15, /* BPF_JMP | BPF_JEQ | BPF_K */
	RETURN = 0x06, /* BPF_RET | BPF_K */
	SECCOMP_MODE_FILTER = 2,
	SECCOMP_SET_MODE_FILTER = 1,
	SECCOMP_FILTER_FLAG_NEW_LISTENER = 8,
};

#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#define SECCOMP_RET_USER_NOTIF 0x7fc00000U
#define SECCOMP_RET_ALLOW 0x7fff0000U

#endif
