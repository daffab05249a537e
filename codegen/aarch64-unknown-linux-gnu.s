# rustc 1.95.0 (59807616e 2026-04-14)
# What codegen/src/lib.rs is compiled to for aarch64-unknown-linux-gnu.
# Written by: cargo xtask instructions --bless

codegen::add:
  adrp x9, :got:pcpu_linux::local::rseq::area::OFFSET
  mov x2, x0
  ldr x9, [x9, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x10, x8, [x0, #32]
  ldr x0, [x0, #24]
  ldr x9, [x9]
  mrs x12, TPIDR_EL0
  add x12, x12, x9
.1:
  adrp x11, .4
  add x11, x11, :lo12:.4
  str x11, [x12, #8]
.2:
  ldrsw x11, [x12, #4]
  ldr x11, [x10, x11, lsl #3]
  adds x11, x11, x0
  b.mi .6
  ldr x13, [x11]
  add x13, x13, x1
  str x13, [x11]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  ret
.6:
  mov x4, x1
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov x1, x8
  b pcpu_linux::local::copies::Copies<B>::add::otherwise

codegen::add_by_concurrency_id:
  adrp x10, :got:pcpu_linux::local::copies::HAS_CONCURRENCY_IDS
  adrp x11, :got:pcpu_linux::local::rseq::area::OFFSET
  mov x2, x0
  ldr x10, [x10, :got_lo12:pcpu_linux::local::copies::HAS_CONCURRENCY_IDS]
  ldr x11, [x11, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldr x0, [x0, #24]
  ldp x9, x8, [x2, #32]
  mov x4, x1
  ldrb w12, [x10]
  ldr x10, [x11]
  cbz w12, .7
  mrs x12, TPIDR_EL0
  add x12, x12, x10
.1:
  adrp x11, .4
  add x11, x11, :lo12:.4
  str x11, [x12, #8]
.2:
  ldrsw x11, [x12, #4]
  cmp x11, #0
  b.lt .13
  ldr w11, [x12, #24]
  ldr x11, [x9, x11, lsl #3]
  adds x11, x11, x0
  b.mi .13
  ldr x13, [x11]
  add x13, x13, x4
  str x13, [x11]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
.6:
  ret
.7:
  mrs x12, TPIDR_EL0
  add x12, x12, x10
.8:
  adrp x11, .11
  add x11, x11, :lo12:.11
  str x11, [x12, #8]
.9:
  ldrsw x11, [x12, #4]
  ldr x11, [x9, x11, lsl #3]
  adds x11, x11, x0
  b.mi .13
  ldr x13, [x11]
  add x13, x13, x4
  str x13, [x11]
.10:
.11:
| .word 0
| .word 0
| .xword .9
| .xword .10-.9
| .xword .12
| .inst 0xd428bc00
.12:
| b .8
  b .6
.13:
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov x1, x8
  b pcpu_linux::local::copies::Copies<B>::add::otherwise

codegen::add_byte:
  adrp x8, :got:pcpu_linux::local::rseq::area::OFFSET
  mov x2, x0
  mov w4, w1
  ldr x8, [x8, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x9, x1, [x0, #32]
  ldr x0, [x0, #24]
  and x10, x4, #0xff
  ldr x8, [x8]
  mrs x12, TPIDR_EL0
  add x12, x12, x8
.1:
  adrp x11, .4
  add x11, x11, :lo12:.4
  str x11, [x12, #8]
.2:
  ldrsw x11, [x12, #4]
  ldr x11, [x9, x11, lsl #3]
  adds x11, x11, x0
  b.mi .6
  ldrb w13, [x11]
  add x13, x13, x10
  strb w13, [x11]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  ret
.6:
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  b pcpu_linux::local::copies::Copies<B>::add::otherwise

codegen::add_loop:
  sub sp, sp, #64
  stp x29, x30, [sp, #48]
  add x29, sp, #48
  cbz x1, .8
  ldp x11, x9, [x0, #24]
  adrp x10, :got:pcpu_linux::local::rseq::area::OFFSET
  ldr x8, [x0, #40]
  ldr x10, [x10, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  mov w12, #1
.1:
  ldr x13, [x10]
  mrs x15, TPIDR_EL0
  add x15, x15, x13
.2:
  adrp x14, .5
  add x14, x14, :lo12:.5
  str x14, [x15, #8]
.3:
  ldrsw x14, [x15, #4]
  ldr x14, [x9, x14, lsl #3]
  adds x14, x14, x11
  b.mi .7
  ldr x16, [x14]
  add x16, x16, x12
  str x16, [x14]
.4:
.5:
| .word 0
| .word 0
| .xword .3
| .xword .4-.3
| .xword .6
| .inst 0xd428bc00
.6:
| b .2
  subs x1, x1, #1
  b.ne .1
  b .8
.7:
  stp x11, x0, [x29, #-16]
  mov x0, x11
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  ldur x2, [x29, #-8]
  str x1, [sp, #24]
  mov x1, x8
  mov w4, #1
  stp x8, x9, [sp, #8]
  bl pcpu_linux::local::copies::Copies<B>::add::otherwise
  adrp x10, :got:pcpu_linux::local::rseq::area::OFFSET
  mov w12, #1
  ldr x10, [x10, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x8, x9, [sp, #8]
  ldp x11, x0, [x29, #-16]
  ldr x1, [sp, #24]
  subs x1, x1, #1
  b.ne .1
.8:
  ldp x29, x30, [sp, #48]
  add sp, sp, #64
  ret

codegen::add_return:
  mov x2, x0
  adrp x9, :got:pcpu_linux::local::rseq::area::OFFSET
  ldr x9, [x9, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x10, x8, [x0, #32]
  ldr x0, [x0, #24]
  ldr x11, [x9]
  mrs x13, TPIDR_EL0
  add x13, x13, x11
.1:
  adrp x12, .4
  add x12, x12, :lo12:.4
  str x12, [x13, #8]
.2:
  ldrsw x12, [x13, #4]
  ldr x12, [x10, x12, lsl #3]
  adds x12, x12, x0
  b.mi .3
  ldr x9, [x12]
  add x9, x9, x1
  str x9, [x12]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  tbnz x12, #63, .6
  mov x0, x9
  ret
.6:
  mov x4, x1
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov x1, x8
  b pcpu_linux::local::copies::Copies<B>::add_return::otherwise

codegen::cmpxchg:
  mov x5, x2
  mov x2, x0
  adrp x9, :got:pcpu_linux::local::rseq::area::OFFSET
  ldr x9, [x9, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x10, x8, [x0, #32]
  ldr x0, [x0, #24]
  mov x4, x1
  ldr x11, [x9]
  mrs x13, TPIDR_EL0
  add x13, x13, x11
.1:
  adrp x12, .4
  add x12, x12, :lo12:.4
  str x12, [x13, #8]
.2:
  ldrsw x12, [x13, #4]
  ldr x12, [x10, x12, lsl #3]
  adds x12, x12, x0
  b.mi .3
  ldr x9, [x12]
  cmp x9, x1
  b.ne .3
  str x5, [x12]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  tbnz x12, #63, .6
  cmp x9, x4
  cset w0, ne
  mov w8, #1
  bic w0, w8, w0
  ret
.6:
  stp x29, x30, [sp, #-16]!
  mov x29, sp
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov x1, x8
  bl pcpu_linux::local::copies::Copies<B>::compare_exchange::otherwise
  ldp x29, x30, [sp], #16
  mov w8, #1
  bic w0, w8, w0
  ret

codegen::read:
  mov x2, x0
  adrp x8, :got:pcpu_linux::local::rseq::area::OFFSET
  ldr x8, [x8, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x9, x1, [x0, #32]
  ldr x0, [x0, #24]
  ldr x10, [x8]
  mrs x12, TPIDR_EL0
  add x12, x12, x10
.1:
  adrp x11, .4
  add x11, x11, :lo12:.4
  str x11, [x12, #8]
.2:
  ldrsw x11, [x12, #4]
  ldr x11, [x9, x11, lsl #3]
  adds x11, x11, x0
  b.mi .3
  ldr x8, [x11]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  tbnz x11, #63, .6
  mov x0, x8
  ret
.6:
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  b pcpu_linux::local::copies::Copies<B>::load::otherwise

codegen::set_flag:
  adrp x8, :got:pcpu_linux::local::rseq::area::OFFSET
  mov x2, x0
  mov w10, #1
  ldr x8, [x8, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x9, x1, [x0, #32]
  ldr x0, [x0, #24]
  ldr x8, [x8]
  mrs x12, TPIDR_EL0
  add x12, x12, x8
.1:
  adrp x11, .4
  add x11, x11, :lo12:.4
  str x11, [x12, #8]
.2:
  ldrsw x11, [x12, #4]
  ldr x11, [x9, x11, lsl #3]
  adds x11, x11, x0
  b.mi .6
  ldrb w13, [x11]
  orr x13, x13, x10
  strb w13, [x11]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  ret
.6:
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov w4, #1
  b pcpu_linux::local::copies::Copies<B>::or::otherwise

codegen::write:
  adrp x9, :got:pcpu_linux::local::rseq::area::OFFSET
  mov x2, x0
  ldr x9, [x9, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x10, x8, [x0, #32]
  ldr x0, [x0, #24]
  ldr x9, [x9]
  mrs x12, TPIDR_EL0
  add x12, x12, x9
.1:
  adrp x11, .4
  add x11, x11, :lo12:.4
  str x11, [x12, #8]
.2:
  ldrsw x11, [x12, #4]
  ldr x11, [x10, x11, lsl #3]
  adds x11, x11, x0
  b.mi .6
  str x1, [x11]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  ret
.6:
  mov x4, x1
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov x1, x8
  b pcpu_linux::local::copies::Copies<B>::store::otherwise

codegen::xchg:
  mov x2, x0
  adrp x9, :got:pcpu_linux::local::rseq::area::OFFSET
  ldr x9, [x9, :got_lo12:pcpu_linux::local::rseq::area::OFFSET]
  ldp x10, x8, [x0, #32]
  ldr x0, [x0, #24]
  ldr x11, [x9]
  mrs x13, TPIDR_EL0
  add x13, x13, x11
.1:
  adrp x12, .4
  add x12, x12, :lo12:.4
  str x12, [x13, #8]
.2:
  ldrsw x12, [x13, #4]
  ldr x12, [x10, x12, lsl #3]
  adds x12, x12, x0
  b.mi .3
  ldr x9, [x12]
  str x1, [x12]
.3:
.4:
| .word 0
| .word 0
| .xword .2
| .xword .3-.2
| .xword .5
| .inst 0xd428bc00
.5:
| b .1
  tbnz x12, #63, .6
  mov x0, x9
  ret
.6:
  mov x4, x1
  adrp x3, .Lanon
  add x3, x3, :lo12:.Lanon
  mov x1, x8
  b pcpu_linux::local::copies::Copies<B>::exchange::otherwise
