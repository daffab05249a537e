# rustc 1.95.0 (59807616e 2026-04-14)
# What codegen/src/lib.rs is compiled to for x86_64-unknown-linux-gnu.
# Written by: cargo xtask instructions --bless

codegen::add:
  mov r8, rsi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rax, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rcx, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov rcx, qword ptr [rcx]
.1:
  lea r9, [rip + .4]
  mov qword ptr fs:[rcx + 8], r9
.2:
  movsxd r9, dword ptr fs:[rcx + 4]
  mov r9, qword ptr [rax + 8*r9]
  add r9, rdi
  js .6
  add qword ptr [r9], r8
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  ret
.6:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::add::otherwise@GOTPCREL]

codegen::add_by_concurrency_id:
  mov r8, rsi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rax, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rcx, qword ptr [rip + pcpu_linux::local::copies::HAS_CONCURRENCY_IDS@GOTPCREL]
  movzx r9d, byte ptr [rcx]
  mov rcx, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov rcx, qword ptr [rcx]
  test r9b, r9b
  je .7
.1:
  lea r9, [rip + .4]
  mov qword ptr fs:[rcx + 8], r9
.2:
  movsxd r9, dword ptr fs:[rcx + 4]
  test r9, r9
  js .13
  mov r9d, dword ptr fs:[rcx + 24]
  mov r9, qword ptr [rax + 8*r9]
  add r9, rdi
  js .13
  add qword ptr [r9], r8
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
.6:
  ret
.7:
.8:
  lea r9, [rip + .11]
  mov qword ptr fs:[rcx + 8], r9
.9:
  movsxd r9, dword ptr fs:[rcx + 4]
  mov r9, qword ptr [rax + 8*r9]
  add r9, rdi
  js .13
  add qword ptr [r9], r8
.10:
.11:
| .long 0
| .long 0
| .quad .9
| .quad .10-.9
| .quad .12
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.12:
| jmp .8
  jmp .6
.13:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::add::otherwise@GOTPCREL]

codegen::add_byte:
  mov eax, esi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rcx, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov r8, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov r9, qword ptr [r8]
  movzx r8d, al
.1:
  lea rax, [rip + .4]
  mov qword ptr fs:[r9 + 8], rax
.2:
  movsxd rax, dword ptr fs:[r9 + 4]
  mov rax, qword ptr [rcx + 8*rax]
  add rax, rdi
  js .6
  add byte ptr [rax], r8b
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  ret
.6:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::add::otherwise@GOTPCREL]

codegen::add_loop:
  push rbp
  push r15
  push r14
  push r13
  push r12
  push rbx
  sub rsp, 24
  test rsi, rsi
  je .8
  mov rbx, qword ptr [rdi + 24]
  mov r13, qword ptr [rdi + 32]
  mov r14, qword ptr [rdi + 40]
  mov rbp, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov r12d, 1
  lea rcx, [rip + .Lanon]
  mov r15, qword ptr [rip + pcpu_linux::local::copies::Copies<B>::add::otherwise@GOTPCREL]
.1:
  mov rax, qword ptr [rbp]
.2:
  lea rdx, [rip + .5]
  mov qword ptr fs:[rax + 8], rdx
.3:
  movsxd rdx, dword ptr fs:[rax + 4]
  mov rdx, qword ptr [r13 + 8*rdx]
  add rdx, rbx
  js .7
  add qword ptr [rdx], r12
.4:
.5:
| .long 0
| .long 0
| .quad .3
| .quad .4-.3
| .quad .6
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.6:
| jmp .2
  dec rsi
  jne .1
  jmp .8
.7:
  mov r8d, 1
  mov qword ptr [rsp + 8], rdi
  mov rdi, rbx
  mov qword ptr [rsp + 16], rsi
  mov rsi, r14
  mov rdx, qword ptr [rsp + 8]
  call r15
  lea rcx, [rip + .Lanon]
  mov rdi, qword ptr [rsp + 8]
  mov rsi, qword ptr [rsp + 16]
  dec rsi
  jne .1
.8:
  add rsp, 24
  pop rbx
  pop r12
  pop r13
  pop r14
  pop r15
  pop rbp
  ret

codegen::add_return:
  mov r8, rsi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rcx, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rax, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov r9, qword ptr [rax]
.1:
  lea r10, [rip + .4]
  mov qword ptr fs:[r9 + 8], r10
.2:
  movsxd r10, dword ptr fs:[r9 + 4]
  mov r10, qword ptr [rcx + 8*r10]
  add r10, rdi
  js .3
  mov rax, qword ptr [r10]
  add rax, r8
  mov qword ptr [r10], rax
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  test r10, r10
  js .6
  ret
.6:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::add_return::otherwise@GOTPCREL]

codegen::cmpxchg:
  mov r9, rdx
  mov r8, rsi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rcx, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rax, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov r10, qword ptr [rax]
.1:
  lea r11, [rip + .4]
  mov qword ptr fs:[r10 + 8], r11
.2:
  movsxd r11, dword ptr fs:[r10 + 4]
  mov r11, qword ptr [rcx + 8*r11]
  add r11, rdi
  js .3
  mov rax, qword ptr [r11]
  cmp rax, r8
  jne .3
  mov qword ptr [r11], r9
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  test r11, r11
  js .6
  cmp rax, r8
  setne al
  not al
  and al, 1
  ret
.6:
  push rax
  lea rcx, [rip + .Lanon]
  call qword ptr [rip + pcpu_linux::local::copies::Copies<B>::compare_exchange::otherwise@GOTPCREL]
  add rsp, 8
  not al
  and al, 1
  ret

codegen::read:
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rcx, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rax, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov r8, qword ptr [rax]
.1:
  lea r9, [rip + .4]
  mov qword ptr fs:[r8 + 8], r9
.2:
  movsxd r9, dword ptr fs:[r8 + 4]
  mov r9, qword ptr [rcx + 8*r9]
  add r9, rdi
  js .3
  mov rax, qword ptr [r9]
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  test r9, r9
  js .6
  ret
.6:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::load::otherwise@GOTPCREL]

codegen::set_flag:
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rax, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rcx, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov rcx, qword ptr [rcx]
  mov r8d, 1
.1:
  lea r9, [rip + .4]
  mov qword ptr fs:[rcx + 8], r9
.2:
  movsxd r9, dword ptr fs:[rcx + 4]
  mov r9, qword ptr [rax + 8*r9]
  add r9, rdi
  js .6
  or byte ptr [r9], r8b
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  ret
.6:
  lea rcx, [rip + .Lanon]
  mov r8d, 1
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::or::otherwise@GOTPCREL]

codegen::write:
  mov r8, rsi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rax, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rcx, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov rcx, qword ptr [rcx]
.1:
  lea r9, [rip + .4]
  mov qword ptr fs:[rcx + 8], r9
.2:
  movsxd r9, dword ptr fs:[rcx + 4]
  mov r9, qword ptr [rax + 8*r9]
  add r9, rdi
  js .6
  mov qword ptr [r9], r8
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  ret
.6:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::store::otherwise@GOTPCREL]

codegen::xchg:
  mov r8, rsi
  mov rdx, rdi
  mov rdi, qword ptr [rdi + 24]
  mov rcx, qword ptr [rdx + 32]
  mov rsi, qword ptr [rdx + 40]
  mov rax, qword ptr [rip + pcpu_linux::local::rseq::area::OFFSET@GOTPCREL]
  mov r9, qword ptr [rax]
.1:
  lea r10, [rip + .4]
  mov qword ptr fs:[r9 + 8], r10
.2:
  movsxd r10, dword ptr fs:[r9 + 4]
  mov r10, qword ptr [rcx + 8*r10]
  add r10, rdi
  js .3
  mov rax, qword ptr [r10]
  mov qword ptr [r10], r8
.3:
.4:
| .long 0
| .long 0
| .quad .2
| .quad .3-.2
| .quad .5
| .byte 15
| .byte 185
| .byte 61
| .long 1392848979
.5:
| jmp .1
  test r10, r10
  js .6
  ret
.6:
  lea rcx, [rip + .Lanon]
  jmp qword ptr [rip + pcpu_linux::local::copies::Copies<B>::exchange::otherwise@GOTPCREL]
