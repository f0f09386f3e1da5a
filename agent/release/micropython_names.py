"""Names that are MicroPython's own: of its modules, of what they hold, and of the arguments that these take by keyword.

From the stubs `micropython-esp32-stubs` and `micropython-rp2-stubs` 1.29 for the modules that MODULES names, from what the Unix
port says of itself by `dir`, and from the modules that stand for them in the simulator; a test reads all of these again. Besides
what asyncio's objects hold (extmod/asyncio) and TLS contexts, which tell nobody (extmod/modtls_mbedtls.c).
"""
# ruff: noqa: SIM905 - long lists of words are read best as words

# Those that the firmware may import; what is none of them has no names on a board.
MODULES = """
array binascii bluetooth cryptolib deflate errno esp32 gc hashlib heapq io json machine math
micropython network os random rp2 select socket ssl struct sys time tls vfs builtins
""".split()
KNOWN = frozenset(
    """
ADC ADCBlock ADCWiPy ADC_READ AF_INET AF_INET6 AF_UNIX ALARM0 ALERT_DESCRIPTION_ACCESS_DENIED
ALERT_DESCRIPTION_BAD_CERTIFICATE ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE
ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE ALERT_DESCRIPTION_BAD_RECORD_MAC
ALERT_DESCRIPTION_CERTIFICATE_EXPIRED ALERT_DESCRIPTION_CERTIFICATE_REVOKED ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN
ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE ALERT_DESCRIPTION_CLOSE_NOTIFY ALERT_DESCRIPTION_DECODE_ERROR
ALERT_DESCRIPTION_DECOMPRESSION_FAILURE ALERT_DESCRIPTION_DECRYPT_ERROR ALERT_DESCRIPTION_HANDSHAKE_FAILURE
ALERT_DESCRIPTION_ILLEGAL_PARAMETER ALERT_DESCRIPTION_INSUFFICIENT_SECURITY ALERT_DESCRIPTION_INTERNAL_ERROR
ALERT_DESCRIPTION_NO_RENEGOTIATION ALERT_DESCRIPTION_PROTOCOL_VERSION ALERT_DESCRIPTION_RECORD_OVERFLOW
ALERT_DESCRIPTION_UNEXPECTED_MESSAGE ALERT_DESCRIPTION_UNKNOWN_CA ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY
ALERT_DESCRIPTION_UNRECOGNIZED_NAME ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION
ALERT_DESCRIPTION_USER_CANCELLED ALT ALT_GPCK ALT_I2C ALT_OPEN_DRAIN ALT_PIO0 ALT_PIO1 ALT_PWM ALT_SIO ALT_SPI
ALT_UART ALT_USB ANALOG AP_IF ARRAY ATTN_0DB ATTN_11DB ATTN_2_5DB ATTN_6DB AUTH_CHAP AUTH_MAX AUTH_NONE AUTH_OPEN
AUTH_OWE AUTH_PAP AUTH_WAPI_PSK AUTH_WEP AUTH_WPA2_ENTERPRISE AUTH_WPA2_PSK AUTH_WPA2_WPA3_PSK AUTH_WPA3_ENT_192
AUTH_WPA3_EXT_PSK AUTH_WPA3_EXT_PSK_MIXED_MODE AUTH_WPA3_PSK AUTH_WPA_PSK AUTH_WPA_WPA2_PSK AUTO AbstractBlockDev
AbstractNIC AlertDescription AnyStr_co ArithmeticError AssertionError AttributeError BANDWIDTH_160 BANDWIDTH_20
BANDWIDTH_40 BANDWIDTH_80 BANDWIDTH_80_80 BFINT16 BFINT32 BFINT8 BFUINT16 BFUINT32 BFUINT8 BF_LEN BF_POS BIG_ENDIAN
BLE BLE_ACTIVE BLE_ADDRESS BLE_ADVERTISE BOOT BUILTIN_CDC BUILTIN_CDC_MSC BUILTIN_DEFAULT BUILTIN_MSC BUILTIN_NONE
BUS_OPEN BUS_RAW_READ BUS_RAW_WRITE BUS_READ BUS_READ_MEM BUS_START BUS_STOP BUS_WRITE BaseException
BaseExceptionGroup BlockingIOError BrokenPipeError BufferError BufferedIOBase BytesIO BytesWarning CERT_NONE
CERT_OPTIONAL CERT_REQUIRED CLD_CONTINUED CLD_DUMPED CLD_EXITED CLD_KILLED CLD_STOPPED CLD_TRAPPED CLIENT_AUTH
CLONE_FILES CLONE_FS CLONE_NEWCGROUP CLONE_NEWIPC CLONE_NEWNET CLONE_NEWNS CLONE_NEWPID CLONE_NEWTIME CLONE_NEWUSER
CLONE_NEWUTS CLONE_SIGHAND CLONE_SYSVSEM CLONE_THREAD CLONE_VM CLOSE CONNECT CONTROLLER CORE_TEMP CORE_VBAT CORE_VREF
CRASH CTS CancelledError ChildProcessError ConnectionAbortedError ConnectionError ConnectionRefusedError
ConnectionResetError Const_T Counter DAC DECREMENT DEEPSLEEP DEEPSLEEP_RESET DER_cert_to_PEM_cert DMA DMATimer DOWN
DRIVE_0 DRIVE_1 DRIVE_2 DRIVE_3 DefaultVerifyPaths DeflateIO DeprecationWarning DirEntry EACCES EADDRINUSE EAGAIN
EALREADY EBADF ECONNABORTED ECONNREFUSED ECONNRESET EEXIST EFD_CLOEXEC EFD_NONBLOCK EFD_SEMAPHORE EHOSTUNREACH
EINPROGRESS EINVAL EIO EISDIR ENOBUFS ENODEV ENOENT ENOMEM ENOTCONN ENOTSUP EOFError EOPNOTSUPP EPERM ETH_CONNECTED
ETH_DISCONNECTED ETH_GOT_IP ETH_INITIALIZED ETH_STARTED ETH_STOPPED ETIMEDOUT EXT0_WAKE EXT1_WAKE EXT_GPIO0 EXT_GPIO1
EXT_GPIO2 EX_CANTCREAT EX_CONFIG EX_DATAERR EX_IOERR EX_NOHOST EX_NOINPUT EX_NOPERM EX_NOTFOUND EX_NOUSER EX_OK
EX_OSERR EX_OSFILE EX_PROTOCOL EX_SOFTWARE EX_TEMPFAIL EX_UNAVAILABLE EX_USAGE Ellipsis Encoder EncodingWarning Event
Exception ExceptionGroup FALLING FILE FLAG_INDICATE FLAG_NOTIFY FLAG_READ FLAG_WRITE FLAG_WRITE_NO_RESPONSE
FLASH_ERASE FLASH_PROGRAM FLASH_READ FLASH_TABLE FLOAT32 FLOAT64 F_LOCK F_TEST F_TLOCK F_ULOCK FileExistsError
FileNotFoundError Flash FloatingPointError FutureWarning GP0 GP1 GP10 GP11 GP12 GP13 GP14 GP15 GP16 GP17 GP18 GP19 GP2
GP20 GP21 GP22 GP26 GP27 GP28 GP3 GP4 GP5 GP6 GP7 GP8 GP9 GPIO0 GPIO1 GPIO10 GPIO11 GPIO12 GPIO13 GPIO14 GPIO15 GPIO16
GPIO17 GPIO18 GPIO19 GPIO2 GPIO20 GPIO21 GPIO22 GPIO23 GPIO24 GPIO25 GPIO26 GPIO27 GPIO28 GPIO29 GPIO3 GPIO4 GPIO5
GPIO6 GPIO7 GPIO8 GPIO9 GRND_NONBLOCK GRND_RANDOM GZIP GeneratorExit HARD HARD_RESET HEAP HEAP_DATA HEAP_EXEC HOLD I2C
I2CTarget I2S IDLE ID_T IF_AP IF_STA IGNORE IN INCREMENT INT INT16 INT32 INT64 INT8 INV_CTS INV_RTS INV_RX INV_TX
IN_HIGH IN_LOW IOBase IOQueue IPPROTO_IP IPPROTO_SEC IPPROTO_TCP IPPROTO_UDP IP_ADD_MEMBERSHIP IP_DROP_MEMBERSHIP
IRQ_ADDR_MATCH_READ IRQ_ADDR_MATCH_WRITE IRQ_BREAK IRQ_END_READ IRQ_END_WRITE IRQ_FALLING IRQ_HIGH_LEVEL IRQ_INDEX
IRQ_LOW_LEVEL IRQ_MATCH IRQ_MAX IRQ_MIN IRQ_READ_REQ IRQ_RESET IRQ_RISING IRQ_ROLL_OVER IRQ_ROLL_UNDER IRQ_RX
IRQ_RXIDLE IRQ_SM0 IRQ_SM1 IRQ_SM2 IRQ_SM3 IRQ_THRESHOLD0 IRQ_THRESHOLD1 IRQ_TXIDLE IRQ_WRITE_REQ IRQ_ZERO ImportError
ImportWarning IndentationError IndexError InterruptedError IsADirectoryError JOIN_NONE JOIN_RX JOIN_TX KBD_INTR
KeyError KeyboardInterrupt LAN LED LIGHTSLEEP LITTLE_ENDIAN LONG LONGLONG LSB Lock LockType LookupError Loop MACHINE
MAXIMUM_SUPPORTED MBEDTLS_VERSION MFD_ALLOW_SEALING MFD_CLOEXEC MFD_HUGETLB MFD_HUGE_16GB MFD_HUGE_16MB MFD_HUGE_1GB
MFD_HUGE_1MB MFD_HUGE_256MB MFD_HUGE_2GB MFD_HUGE_2MB MFD_HUGE_32MB MFD_HUGE_512KB MFD_HUGE_512MB MFD_HUGE_64KB
MFD_HUGE_8MB MFD_HUGE_MASK MFD_HUGE_SHIFT MINIMUM_SUPPORTED MISSING MODE_11B MODE_11G MODE_11N MODE_CBC MODE_CTR
MODE_ECB MODE_LR MONO MSB MSG_DONTROUTE MSG_DONTWAIT MSG_PEEK MemoryError ModuleNotFoundError NATIVE NGROUPS_MAX
NORMAL NVS NameError NotADirectoryError NotImplemented NotImplementedError ONE_SHOT OPEN_DRAIN OP_ALL
OP_CIPHER_SERVER_PREFERENCE OP_ENABLE_KTLS OP_ENABLE_MIDDLEBOX_COMPAT OP_IGNORE_UNEXPECTED_EOF
OP_LEGACY_SERVER_CONNECT OP_NO_COMPRESSION OP_NO_RENEGOTIATION OP_NO_SSLv2 OP_NO_SSLv3 OP_NO_TICKET OP_NO_TLSv1
OP_NO_TLSv1_1 OP_NO_TLSv1_2 OP_NO_TLSv1_3 OP_SINGLE_DH_USE OP_SINGLE_ECDH_USE OSError OUT OUT_HIGH OUT_LOW Options
OrderedDict OverflowError PCNT PEM_cert_to_DER_cert PERIODIC PHY_DM9051 PHY_DP83848 PHY_GENERIC PHY_IP101 PHY_KSZ8041
PHY_KSZ8081 PHY_KSZ8851SNL PHY_LAN8670 PHY_LAN8710 PHY_LAN8720 PHY_RTL8201 PHY_W5500 PIN_GET PIN_HOLD PIN_MODE PIN_SET
PIN_WAKE PIO PIOASMEmit PIOASMError PM_NONE PM_PERFORMANCE PM_POWERSAVE POLL POLLERR POLLHUP POLLIN POLLOUT
POSIX_FADV_DONTNEED POSIX_FADV_NOREUSE POSIX_FADV_NORMAL POSIX_FADV_RANDOM POSIX_FADV_SEQUENTIAL POSIX_FADV_WILLNEED
POSIX_SPAWN_CLOSE POSIX_SPAWN_CLOSEFROM POSIX_SPAWN_DUP2 POSIX_SPAWN_OPEN PPP PPP_CONNECT PPP_STATUS PRIO_DARWIN_BG
PRIO_DARWIN_NONUI PRIO_DARWIN_PROCESS PRIO_DARWIN_THREAD PRIO_PGRP PRIO_PROCESS PRIO_USER PROMPT PROTOCOL_DEFAULT
PROTOCOL_DTLS_CLIENT PROTOCOL_DTLS_SERVER PROTOCOL_LR PROTOCOL_SSLv2 PROTOCOL_SSLv23 PROTOCOL_SSLv3 PROTOCOL_TLS
PROTOCOL_TLS_CLIENT PROTOCOL_TLS_SERVER PROTOCOL_TLSv1 PROTOCOL_TLSv1_1 PROTOCOL_TLSv1_2 PTR PULL_DOWN PULL_HOLD
PULL_UP PULSE_MAX PWM PWRON_RESET P_ALL P_DETACH P_OVERLAY P_PGID P_PID P_PIDFD Partition PathLike
PendingDeprecationWarning PermissionError Pin PinBase ProcessLookupError Purpose PythonFinalizationError RANDOM RAW
RECV RESERVE_MEM RESET RESET_CAUSE RESOLVE RETAINED_GET RETAINED_SET REVERSE RISING RMT RTC RTC_GET RTC_SET RTC_WAKE
RTLD_DEEPBIND RTLD_GLOBAL RTLD_LAZY RTLD_LOCAL RTLD_NODELETE RTLD_NOLOAD RTLD_NOW RTS RUNNING RWF_APPEND RWF_DSYNC
RWF_HIPRI RWF_NOWAIT RWF_SYNC RX RawIOBase RecursionError ReferenceError ResourceWarning RingIO RuntimeError
RuntimeWarning SCHED_BATCH SCHED_FIFO SCHED_IDLE SCHED_OTHER SCHED_RESET_ON_FORK SCHED_RR SCHED_SPORADIC SDCard
SEC_CHAP SEC_DPP SEC_NONE SEC_OPEN SEC_OWE SEC_PAP SEC_WAPI SEC_WEP SEC_WPA SEC_WPA2 SEC_WPA2_ENT SEC_WPA2_WPA3
SEC_WPA2_WPA3_ENT SEC_WPA3 SEC_WPA3_ENT SEC_WPA3_ENT_192 SEC_WPA3_EXT_PSK SEC_WPA3_EXT_PSK_MIXED_MODE SEC_WPA_ENT
SEC_WPA_WPA2 SEEK_DATA SEEK_HOLE SEND SERVER_AUTH SF_MNOWAIT SF_NOCACHE SF_NODISKIO SF_SYNC SHIFT_LEFT SHIFT_RIGHT
SHORT SLEEP SOCKET SOCK_DGRAM SOCK_RAW SOCK_STREAM SOFT SOFT_RESET SOL_SOCKET SOURCE SO_BINDTODEVICE SO_BROADCAST
SO_ERROR SO_KEEPALIVE SO_LINGER SO_REUSEADDR SPI SPLICE_F_MORE SPLICE_F_MOVE SPLICE_F_NONBLOCK
SSLCertVerificationError SSLContext SSLEOFError SSLError SSLErrorNumber SSLObject SSLSocket SSLSyscallError
SSLWantReadError SSLWantWriteError SSLZeroReturnError SSL_ERROR_EOF SSL_ERROR_INVALID_ERROR_CODE SSL_ERROR_SSL
SSL_ERROR_SYSCALL SSL_ERROR_WANT_CONNECT SSL_ERROR_WANT_READ SSL_ERROR_WANT_WRITE SSL_ERROR_WANT_X509_LOOKUP
SSL_ERROR_ZERO_RETURN SSLv3 STAT_ASSOC_FAIL STAT_BEACON_TIMEOUT STAT_CONNECTING STAT_CONNECT_FAIL STAT_GOT_IP
STAT_HANDSHAKE_TIMEOUT STAT_IDLE STAT_NO_AP_FOUND STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD
STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY STAT_WRONG_PASSWORD STA_IF STDIN_POLL
STDIN_READ STDOUT_WRITE STEREO STORAGE ST_APPEND ST_MANDLOCK ST_NOATIME ST_NODEV ST_NODIRATIME ST_NOEXEC ST_NOSUID
ST_RDONLY ST_RELATIME ST_SYNCHRONOUS ST_WRITE SYNC Server Signal SingletonGenerator Socket SoftI2C SoftSPI
StateMachine StopAsyncIteration StopIteration StrOrBytesPath Stream StreamReader StreamWriter StringIO Struct
SyntaxError SyntaxWarning SystemError SystemExit TCP_NODELAY TFD_CLOEXEC TFD_NONBLOCK TFD_TIMER_ABSTIME
TFD_TIMER_CANCEL_ON_SET TIMER_WAKE TLSVersion TLSv1 TLSv1_1 TLSv1_2 TLSv1_3 TOUCHPAD_WAKE TX TYPE_APP TYPE_DATA
TabError Task TaskQueue TextIOBase ThreadSafeFlag TimeoutError Timer TouchPad TypeError UART UART_ANY UART_CLOSE
UART_OPEN UART_POLL UART_READ UART_WRITE UINT UINT16 UINT32 UINT64 UINT8 ULONG ULONGLONG ULP ULP_WAKE UNIQUE_ID UP
USBDevice USHORT UUID UnboundLocalError UnicodeDecodeError UnicodeEncodeError UnicodeError UnicodeTranslateError
UnicodeWarning UnraisableHookArgs UnsupportedOperation UserWarning VERIFY_ALLOW_PROXY_CERTS VERIFY_CRL_CHECK_CHAIN
VERIFY_CRL_CHECK_LEAF VERIFY_DEFAULT VERIFY_X509_PARTIAL_CHAIN VERIFY_X509_STRICT VERIFY_X509_TRUSTED_FIRST VOID VREF
ValueError VerifyFlags VerifyMode VfsFat VfsLfs1 VfsLfs2 VfsPosix VfsRom ViperTypeError WAKEUP_ALL_LOW WAKEUP_ANY_HIGH
WAKE_HIGH WAKE_LOW WAKE_ON WCONTINUED WCOREDUMP WDT WDT_FEED WDT_MOST WDT_RESET WDT_START WEXITED WEXITSTATUS
WIDTH_10BIT WIDTH_11BIT WIDTH_12BIT WIDTH_13BIT WIDTH_9BIT WIFCONTINUED WIFEXITED WIFSIGNALED WIFSTOPPED WLAN WLANWiPy
WLAN_ACTIVE WLAN_CONNECT WLAN_DISCONNECT WLAN_RSSI WLAN_STATUS WLAN_WAKE WL_GPIO0 WL_GPIO1 WL_GPIO2 WNOHANG WNOWAIT
WSTOPPED WSTOPSIG WTERMSIG WUNTRACED Warning WindowsError XATTR_CREATE XATTR_REPLACE XATTR_SIZE_MAX XFER_FAILED
XFER_STALLED XFER_SUCCESS ZLIB ZeroDivisionError _Remove _attrs _build _dequeue _enqueue _exc_context _exc_handler
_io_queue _machine _mpy _promote_to_task _run _serve _stop_task _stopper _task_queue _thread a2b_base64 abiflags abort
abs absent accept access aclose acos acosh acquire activate_stack_trampoline active add add_dll_directory add_note
add_program addaudithook addressof aead aes aiter alarm alg_bits algorithm all alloc_emergency_exception_buf
allocate_lock altsep anext antenna any append appendleft args argv array as_integer_ratio ascii asin asinh ask asked
asm_pio asm_pio_encode asm_thumb asm_xtensa asyncio atan atan2 atanh atexit atten audit auth awrite awritestr
b2a_base64 beneath bin binascii bind bit_count bit_length bits_per_digit bitstream bitstream_channel bitstream_rmt
block bluetooth board bool boot bootloader bootsel_button breakpoint breakpointhook buffer buffer_info build builtins
bytearray bytearray_at byteorder bytes bytes_at bytes_warning byteswap c_contiguous cache_tag cafile calcsize call
call_exception_handler call_tracing callable callback callstats cancel capath capitalize casefold cast ceil center
cert_time_to_seconds channel characters_written chdir chflags children_system children_user chmod choice chown chr
chroot cipher classmethod clear clock clock_div close closerange code collect columns commit compile complex
compression config confstr confstr_names conjugate connect connect_ex const context contiguous copy copy_file_range
copyright copysign core coro cos cosh count country cpu cpu_count crc32 create_task credits cryptolib csi_available
csi_disable csi_dropped csi_enable csi_read ctermid cur_task current_task cutoff data datetime
deactivate_stack_trampoline debug decode decodekey decodevalue decrypt deepsleep default_exception_handler
default_max_str_digits deflate degrees deinit delattr delay deleter denominator deque derive desc_cfg desc_dev
description detect_encoding dev_mode device_encoding dht_readinto dict difference difference_update dig digest dir
disable disable_irq discard disconnect divmod dllhandle do_handshake done dont_write_bytecode drain drive dump dumps
dup dup2 dupterm dupterm_notify duty duty_ns duty_u16 e ecdsa_sign_callback elapsed ellipsis enable enable_irq encode
encodekey encodevalue encoding encrypt end end_lineno end_offset endswith enumerate environb ep_max epsilon erase_key
erf erfc err_msg errno error errorcode esp32 eval event eventfd eventfd_read eventfd_write exc exc_info exc_traceback
exc_type exc_value exception exceptions exec execfile execl execle execlp execlpe executable execv execve execvp
execvpe exit exp expandtabs expm1 extend f_bavail f_bfree f_blocks f_bsize f_contiguous f_favail f_ffree f_files
f_flag f_frsize f_fsid f_namemax fabs factorial fchdir fchmod fchown fdatasync fdel fdopen feed fget filename
filename2 fileno filter finalizer find firstiter float floor flush fmod fork forkpty format format_map fpathconf freq
frexp from_bytes frombytes fromfile fromhex fromkeys fromlist fromname fromnid fromstring fromunicode frozenset
fsdecode fsencode fset fspath fstat fstatvfs fsync ftruncate function fwalk gamma gap_advertise gap_connect
gap_disconnect gap_pair gap_passkey gap_scan gather gattc_discover_characteristics gattc_discover_descriptors
gattc_discover_services gattc_exchange_mtu gattc_read gattc_write gatts_indicate gatts_notify gatts_read
gatts_register_services gatts_set_buffer gatts_write gc get get_asyncgen_hooks get_blob get_blocking get_ca_certs
get_channel_binding get_ciphers get_coroutine_origin_tracking_depth get_default_verify_paths get_event_loop
get_exception_handler get_exec_path get_extra_info get_handle_inheritable get_i32 get_ident get_inheritable
get_int_max_str_digits get_next_update get_protocol_name get_server_certificate get_terminal_size get_unverified_chain
get_verified_chain getaddrinfo getallocatedblocks getattr getcheckinterval getcwd getcwdb getdefaultencoding
getdlopenflags getegid getenv getenvb geteuid getfilesystemencodeerrors getfilesystemencoding getgid getgrouplist
getgroups getloadavg getlogin getpeercert getpgid getpgrp getpid getppid getpriority getprofile getrandbits getrandom
getrecursionlimit getrefcount getresgid getresuid getsid getsizeof getswitchinterval getter gettotalrefcount gettrace
getuid getunicodeinternedsize getvalue getwindowsversion getxattr globals gmtime gpio grantpt hasattr hash hash_bits
hash_randomization hashlib heap_lock heap_unlock heapify heappop heappush heapq help hex hexlify hexversion high
hostname hostname_checks_common_name id idf_heap_info idle ifconfig ifempty iffull ignore_environment ilistdir imag
implementation in_ index indices inet_ntop inet_pton inf info init initgroups inode input insert inspect install int
interactive intern intersection intersection_update invert io ioctl ipconfig ipoll irq irq_next irq_prev is_dir
is_file is_finalizing is_integer is_junction is_set is_stack_trampoline_active is_symlink isalnum isalpha isascii
isatty isclose isconnected isdecimal isdigit isdisjoint isenabled isfinite isidentifier isinf isinstance islower isnan
isnumeric isolated isprintable isr isspace issubclass issubset issuperset istitle isupper items itemsize iter
iter_unpack itf_max jmp jmppin join json kbd_intr kea keylog_filename keys kill killpg label last_exc lchflags lchmod
lchown ldexp len lgamma library license lightsleep lineno lines link list listdir listdrives listen listmounts
listvolumes listxattr ljust load load_binary load_cert_chain load_default_certs load_dh_params load_verify_locations
loads locals localtime lock locked lockf log log10 log2 login_tty longname loop loop_count low lower lseek lstat
lstrip mac machine major makedev makedirs makefile maketrans mant_dig map mark_app_valid_cancel_rollback match
match_hostname math max max_10_exp max_exp maximum_version maxsize md5 mem16 mem32 mem8 mem_alloc mem_backup
mem_current mem_free mem_info mem_peak mem_total memfd_create memory memoryview message micro micropython min
min_10_exp min_exp minimum_version minor missing mkdir mkfifo mkfs mknod mktime mode modf modify modules modulus
monitoring mount mov mro msg name name_from namedtuple nan native nbytes ndim network new_event_loop next nice nid
no_site no_user_site noblock nodename nop not_osre not_x not_y now_us null numerator obj object oct off offset oid on
open open_connection openpty openssl_cafile openssl_cafile_env openssl_capath openssl_capath_env opt_level optimize
options ord orig_argv os osr out out_buf pack pack_ctrl pack_into partition path pathconf pathconf_names pc peek
pending ph_key phases phy_mode pi pidfd_open pin pindirs pins pipe pipe2 platform platform_version platlibdir plock
poll poll_id poller pop popen popitem popleft posix_fadvise posix_fallocate posix_openpt posix_spawn posix_spawnp
post_handshake_auth pow pread preadv prev print print_exception print_pcbs process_cpu_count product_type property
protocol ps1 ps2 ptr ptr16 ptr32 ptr8 ptsname pull push put putenv pwrite pwritev qstr_info queue_read queue_write
quiet quit radians radix randint random randrange range raw_temperature read read_u16 read_uv readable readblocks
readexactly readfrom readfrom_into readfrom_mem readfrom_mem_into readinto readline readlines readlink readonly readv
real reason recv recv_into recvfrom recvfrom_into recvmsg recvmsg_into register register_at_fork rel release
releaselevel remote_wakeup remove remove_program removedirs removeprefix removesuffix removexattr rename renames
replace repr reset reset_cause restart reverse reversed rfind rindex rjust rmdir rom_ioctl round rounds route rp2
rpartition rsplit rstrip run run_forever run_until_complete rx_fifo s safe_path scan scandir sched_get_priority_max
sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_param sched_priority
sched_rr_get_interval sched_setaffinity sched_setparam sched_setscheduler sched_yield schedule search security_level
seed seed_bits seek segment select selected_alpn_protocol selected_npn_protocol send send_ethernet sendall sendbreak
sendfile sendmsg sendto sep serial server_hostname server_side service_pack service_pack_major service_pack_minor
session session_reused set set_alpn_protocols set_asyncgen_hooks set_blob set_blocking set_boot set_ciphers
set_coroutine_origin_tracking_depth set_default_verify_paths set_ecdh_curve set_exception_handler
set_handle_inheritable set_i32 set_inheritable set_int_max_str_digits set_npn_protocols set_servername_callback
set_wakeup_period setattr setblocking setcheckinterval setdefault setdlopenflags setegid seteuid setgid setgroups
setns setpgid setpgrp setpriority setprofile setrecursionlimit setregid setresgid setresuid setreuid setsid setsockopt
setswitchinterval setter settimeout settrace setuid setxattr sha1 sha256 shape shared_ciphers shift shortname shutdown
si_code si_pid si_signo si_status si_uid side sin sinh size sizeof sizeof_digit sleep sleep_ms sleep_us slice sockaddr
socket soft_reset sort sorted source_freq spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe splice split
splitlines sqrt ssid ssl sslobject_class sslsocket_class st_atime st_atime_ns st_birthtime st_birthtime_ns st_blksize
st_blocks st_ctime st_ctime_ns st_dev st_file_attributes st_flags st_gen st_gid st_ino st_mode st_mtime st_mtime_ns
st_nlink st_rdev st_reparse_tag st_size st_uid stack_size stack_use stall start start_new_thread start_server
startfile startswith stat stat_result state state_machine staticmethod status statvfs statvfs_result stderr stdin
stdlib_module_names stdout step stop str str_digits_check_threshold str_max stream stream_awrite strength_bits
strerror strides strip struct sub subgroup submit_xfer suboffsets suite_mask sum super swapcase symlink symmetric
symmetric_difference symmetric_difference_update sync sys sysconf sysconf_names sysname system tan tanh task tau
tcgetpgrp tcsetpgrp tell terminal_size text threshold ticks ticks_add ticks_cpu ticks_diff ticks_ms ticks_us time
time_ns time_pulse_us timerfd_create timerfd_gettime timerfd_gettime_ns timerfd_settime timerfd_settime_ns times
times_result title tls to_bytes tobytes tofile toggle tolist toreadonly tostring tounicode tracebacklimit translate
trunc truncate ttyname tuple tx_fifo txdone type typecode uint umask umount uname uname_result unhexlify uniform union
unique_id unlink unlockpt unpack unpack_ctrl unpack_from unregister unsetenv unshare unwrap update upper urandom user
utf8_mode utime value values vars verbose verify_callback verify_client_post_handshake verify_code verify_flags
verify_message verify_mode version version_info vfs viper wait wait3 wait4 wait_closed wait_done wait_for wait_for_ms
wait_io_event waitid waitid_result waiting waitpid waitstatus_to_exitcode wake_on_ext0 wake_on_ext1 wake_on_gpio
wake_on_touch wake_on_ulp wake_pins wake_reason walk warn_default_encoding width winerror winver with_traceback word
wrap wrap_bio wrap_socket wrap_target writable write write_pulses write_readinto writeblocks writelines writeto
writeto_mem writev writevto x x_dec x_not_y y y_dec zfill zip
""".split()
)
# By keyword only: what else is called so is no matter.
ARGUMENTS = frozenset(
    """
a addr address addrsize adv_data af after_in_child after_in_parent alpn_protocols alt amount arg arg0 arguments
attribute autopull autopush aw aws b backlog base baudrate before binary_form bits blob block_dev block_num block_size
bssid buf buffer_size buffering buflen bytes_per_sep ca_certs cadata capabilities cb cb_type cd cert cert_reqs
cert_time certfile char check_hostname ciphers closefd closure cls cmd command condition config_parameters configtuple
connectable control_xfer_cb cookie cs ctrl cts cwd datetimetuple default delete delta depth der_cert_bytes desc_strs
dest destination device dir_fd do_handshake_on_connect doc dont_inherit dst dst_dir_fd effective_ids env errors
eventmask exc_tb exc_val exist_ok fd fd2 fifo_join file file_actions filepath filter_ns firstbit flags flags_or_addr
flow follow_symlinks followlinks fsobj gid handler hard headers hidden high_pri hold hook host how hz ibuf idle_level
in_base in_fd in_shiftdir inc_read inc_read_rev inc_write inc_write_rev incoming inheritable initial initval instr
interface interval interval_us into irq_arg iterable jmp_pin keepends key keyfile length level lookahead main mapped
mask maxdigits maxsplit mck mem mem_addrsize memaddr metaclass miso mod module mosi mount_point ms mtime n nack names
ndigits new new_path newline npn_protocols ns nstype num_symbols number offset_dst offset_src old old_path onerror op
open_itf_cb opener operation option order other out_base out_fd out_init out_shiftdir outgoing param parity parts pcnt
pem_cert_string period phase phase_a phase_b phy_addr phy_type pid plan pm polarity policy port priority proc program
progsize prompt proto protocol_code pull_thresh purpose push_thresh rate ratio readsize reconnects ref_clk_mode region
remove_dll_directory repeat request reset_cb resetids resolution_hz resp_data result return_exceptions rts rx rxbuf
sample_ns scheduler sck scl scope sd sda security separators server_name_callback set_base set_init setpgroup
setsigdef setsigmask sgen show_cmd shows side_pindir sideset_base sideset_count sideset_init sideset_opt signed sl
slot sock source src src_dir_fd ssl_version strict subtype t tabsize target_is_directory tick_hz time_ms timeout
timeout_char timeout_ms timeout_us timer_id top topdown tracefunc trailers trigger tx tx_carrier txbuf txpower uid
unit_id us v value2 vector volume wake which who work wp ws xfer_cb
""".split()
)
# Which each bytecode file has for nothing (py/makeqstrdata.py, static_qstr_list; the compiler is asked in a test).
STATIC = tuple(
    """
_ ArithmeticError AssertionError AttributeError BaseException EOFError Ellipsis Exception GeneratorExit ImportError
IndentationError IndexError KeyError KeyboardInterrupt LookupError MemoryError NameError NoneType NotImplementedError
OSError OverflowError RuntimeError StopIteration SyntaxError SystemExit TypeError ValueError ZeroDivisionError abs all
any append args bool builtins bytearray bytecode bytes callable chr classmethod clear close const copy count dict dir
divmod end endswith eval exec extend find format from_bytes get getattr globals hasattr hash id index insert int
isalpha isdigit isinstance islower isspace issubclass isupper items iter join key keys len list little locals lower
lstrip main map micropython next object open ord pop popitem pow print range read readinto readline remove replace
repr reverse rfind rindex round rsplit rstrip self send sep set setattr setdefault sort sorted split start startswith
staticmethod step stop str strip sum super throw to_bytes tuple type update upper value values write zip
""".split()
)
