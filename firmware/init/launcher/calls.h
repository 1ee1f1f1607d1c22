/* What an app may ask of the kernel: the 90 calls that strace saw of Node.js 20 and 24 at work, and what belongs to the same
 * families (older and newer forms, all that files, sockets, threads, timers need). Left out is what changes the machine,
 * reads other processes, or was a way out of a sandbox more than once (io_uring, userfaultfd): Node.js goes on without.
 * Calls that are newer than the kernel headers that this is compiled with are refused like unknown ones. */

/* Every architecture has these. */
static const int everywhere[] = {
    /* files */
    SYS_read, SYS_write, SYS_close, SYS_lseek, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_preadv, SYS_pwritev,
    SYS_preadv2, SYS_pwritev2, SYS_openat, SYS_openat2, SYS_faccessat, SYS_faccessat2, SYS_statx, SYS_fcntl,
    SYS_flock, SYS_fsync, SYS_fdatasync, SYS_sync, SYS_syncfs, SYS_truncate, SYS_ftruncate, SYS_fallocate,
    SYS_readahead, SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_mkdirat, SYS_unlinkat, SYS_renameat2, SYS_linkat,
    SYS_symlinkat, SYS_readlinkat, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_umask, SYS_utimensat, SYS_mknodat,
    SYS_statfs, SYS_fstatfs, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr,
    SYS_listxattr, SYS_llistxattr, SYS_flistxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr, SYS_copy_file_range,
    SYS_splice, SYS_tee, SYS_vmsplice, SYS_sendfile, SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    SYS_memfd_create, SYS_name_to_handle_at, SYS_io_setup, SYS_io_destroy, SYS_io_submit, SYS_io_cancel, SYS_io_getevents,
    /* descriptors and waiting */
    SYS_dup, SYS_dup3, SYS_pipe2, SYS_eventfd2, SYS_signalfd4, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_pselect6, SYS_close_range,
    /* sockets; socket itself is looked at more closely */
    SYS_socketpair, SYS_bind, SYS_listen, SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername, SYS_sendto, SYS_recvfrom,
    SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_setsockopt, SYS_getsockopt, SYS_shutdown,
    /* memory */
    SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_brk, SYS_msync, SYS_mincore, SYS_mlock, SYS_mlock2, SYS_munlock,
    SYS_mlockall, SYS_munlockall, SYS_membarrier, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect,
    /* processes and threads; clone is looked at more closely */
    SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_kill, SYS_tkill, SYS_tgkill, SYS_getpid,
    SYS_getppid, SYS_gettid, SYS_set_tid_address, SYS_set_robust_list, SYS_get_robust_list, SYS_futex, SYS_futex_waitv,
    SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam, SYS_sched_setparam,
    SYS_sched_getscheduler, SYS_sched_setscheduler, SYS_sched_getattr, SYS_sched_setattr, SYS_sched_get_priority_max,
    SYS_sched_get_priority_min, SYS_sched_rr_get_interval, SYS_getpriority, SYS_setpriority, SYS_ioprio_get, SYS_ioprio_set,
    SYS_prctl, SYS_seccomp, SYS_pidfd_open, SYS_pidfd_send_signal, SYS_getcpu, SYS_prlimit64, SYS_getrusage, SYS_times,
    SYS_setpgid, SYS_getpgid, SYS_getsid, SYS_setsid, SYS_landlock_create_ruleset, SYS_landlock_add_rule,
    SYS_landlock_restrict_self,
    /* ids: they can be asked for, and set to what they are */
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid,
    SYS_setresuid, SYS_getresuid, SYS_setresgid, SYS_getresgid, SYS_setfsuid, SYS_setfsgid, SYS_setgroups, SYS_capget,
    SYS_capset,
    /* signals, time, the machine as it is */
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
    SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_restart_syscall, SYS_nanosleep, SYS_clock_gettime,
    SYS_clock_getres, SYS_clock_nanosleep, SYS_gettimeofday, SYS_getitimer, SYS_setitimer, SYS_timer_create,
    SYS_timer_settime, SYS_timer_gettime, SYS_timer_getoverrun, SYS_timer_delete, SYS_uname, SYS_sysinfo, SYS_getrandom,
    /* memory and messages between processes of one app: each has its own IPC namespace */
    SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt, SYS_semget, SYS_semctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv,
    SYS_msgctl, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend, SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr,
};

#ifndef __aarch64__
/* Forms that only the older architectures have. */
static const int older[] = {
    SYS_open, SYS_creat, SYS_stat, SYS_lstat, SYS_fstat, SYS_access, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename,
    SYS_renameat, SYS_link, SYS_symlink, SYS_readlink, SYS_chmod, SYS_chown, SYS_lchown, SYS_mknod, SYS_getdents, SYS_pipe,
    SYS_dup2, SYS_poll, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd, SYS_signalfd, SYS_inotify_init, SYS_futimesat,
    SYS_fork, SYS_vfork, SYS_getpgrp, SYS_pause, SYS_utimes,
};
#endif

#if __SIZEOF_LONG__ == 8
static const int wide[] = {SYS_mmap, SYS_newfstatat, SYS_accept, SYS_getrlimit, SYS_setrlimit, SYS_semtimedop};
#else
/* 64-bit sizes and times, and 32-bit ids, beside the first forms. */
static const int narrow[] = {
    SYS_mmap2, SYS__llseek, SYS_fcntl64, SYS_stat64, SYS_lstat64, SYS_fstat64, SYS_fstatat64, SYS_statfs64, SYS_fstatfs64,
    SYS_truncate64, SYS_ftruncate64, SYS_sendfile64, SYS__newselect, SYS_ugetrlimit, SYS_setrlimit, SYS_sigaction,
    SYS_sigprocmask, SYS_sigreturn, SYS_sigpending, SYS_sigsuspend, SYS_getuid32, SYS_geteuid32, SYS_getgid32,
    SYS_getegid32, SYS_getgroups32, SYS_setuid32, SYS_setgid32, SYS_setreuid32, SYS_setregid32, SYS_setresuid32,
    SYS_getresuid32, SYS_setresgid32, SYS_getresgid32, SYS_setfsuid32, SYS_setfsgid32, SYS_setgroups32, SYS_chown32,
    SYS_fchown32, SYS_lchown32, SYS_clock_gettime64, SYS_clock_getres_time64, SYS_clock_nanosleep_time64,
    SYS_timer_gettime64, SYS_timer_settime64, SYS_timerfd_gettime64, SYS_timerfd_settime64, SYS_utimensat_time64,
    SYS_pselect6_time64, SYS_ppoll_time64, SYS_recvmmsg_time64, SYS_mq_timedsend_time64, SYS_mq_timedreceive_time64,
    SYS_semtimedop_time64, SYS_rt_sigtimedwait_time64, SYS_futex_time64, SYS_sched_rr_get_interval_time64,
};
#endif

#if defined __x86_64__
static const int own[] = {SYS_arch_prctl, SYS_select, SYS_time, SYS_utime, SYS_alarm, SYS_fadvise64, SYS_sync_file_range,
                          SYS_semop};
#elif defined __i386__
static const int own[] = {SYS_set_thread_area, SYS_get_thread_area, SYS_arch_prctl, SYS_mmap, SYS_select, SYS_time,
                          SYS_utime, SYS_alarm, SYS_waitpid, SYS_fadvise64, SYS_fadvise64_64, SYS_getrlimit, SYS_nice, SYS_sync_file_range,
                          SYS_signal, SYS_socketcall, SYS_ipc};
#elif defined __aarch64__
static const int own[] = {SYS_fstat, SYS_renameat, SYS_fadvise64, SYS_sync_file_range, SYS_semop};
#elif defined __arm__
static const int own[] = {SYS_arm_fadvise64_64, SYS_arm_sync_file_range, SYS_accept, SYS_semop, SYS_semtimedop, SYS_nice,
                          __ARM_NR_cacheflush, __ARM_NR_set_tls, __ARM_NR_breakpoint};
#endif

/* What an attacker would ask for: refused in so many words, all else as if this kernel did not have it. */
static const int refused[] = {
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount,
    SYS_fspick, SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
    SYS_process_madvise, SYS_pidfd_getfd, SYS_kcmp, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_bpf, SYS_perf_event_open,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname, SYS_syslog,
    SYS_quotactl, SYS_quotactl_fd, SYS_open_by_handle_at, SYS_fanotify_init, SYS_fanotify_mark, SYS_vhangup, SYS_userfaultfd, SYS_nfsservctl,
    SYS_move_pages, SYS_migrate_pages, SYS_mbind, SYS_set_mempolicy,
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#ifdef SYS_iopl
    SYS_iopl, SYS_ioperm,
#endif
#ifdef SYS_modify_ldt
    SYS_modify_ldt,
#endif
};
