# rustc 1.95.0 (59807616e 2026-04-14)
# What codegen/src/lib.rs is compiled to for riscv64gc-unknown-linux-gnu.
# Written by: cargo xtask instructions --bless

codegen::add:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld t0, 32(a2)
  ld a6, 40(a2)
  ld a3, 0(a3)
  mv a7, a1
  add a4, tp, a3
.2:
.3:
  auipc a1, %pcrel_hi(.6)
  addi a1, a1, %pcrel_lo(.3)
  sd a1, 8(a4)
.4:
  lw a1, 4(a4)
  slli a1, a1, 3
  add a1, a1, t0
  ld a1, 0(a1)
  add a1, a1, a0
  bltz a1, .8
  ld a5, 0(a1)
  add a5, a5, a7
  sd a5, 0(a1)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a1
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  mv a1, a6
  mv a4, a7
  tail pcpu_linux::local::copies::Copies<B>::add::otherwise

codegen::add_by_concurrency_id:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::copies::HAS_CONCURRENCY_IDS)
.2:
  auipc a3, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a4, %pcrel_lo(.1)(a0)
  ld a5, %pcrel_lo(.2)(a3)
  ld a0, 24(a2)
  ld a7, 32(a2)
  ld a6, 40(a2)
  lb a4, 0(a4)
  ld t0, 0(a5)
  beqz a4, .10
  add a3, tp, t0
.3:
.4:
  auipc a4, %pcrel_hi(.7)
  addi a4, a4, %pcrel_lo(.4)
  sd a4, 8(a3)
.5:
  lw a4, 4(a3)
  bltz a4, .17
  lwu a4, 24(a3)
  slli a4, a4, 3
  add a4, a4, a7
  ld a4, 0(a4)
  add a4, a4, a0
  bltz a4, .17
  ld a5, 0(a4)
  add a5, a5, a1
  sd a5, 0(a4)
.6:
.7:
| .word 0
| .word 0
| .quad .5
| .quad .6-.5
| .quad .8
| .word 4047507571
.8:
| jump .3, a4
.9:
  ret
.10:
  add a4, tp, t0
.11:
.12:
  auipc a3, %pcrel_hi(.15)
  addi a3, a3, %pcrel_lo(.12)
  sd a3, 8(a4)
.13:
  lw a3, 4(a4)
  slli a3, a3, 3
  add a3, a3, a7
  ld a3, 0(a3)
  add a3, a3, a0
  bltz a3, .17
  ld a5, 0(a3)
  add a5, a5, a1
  sd a5, 0(a3)
.14:
.15:
| .word 0
| .word 0
| .quad .13
| .quad .14-.13
| .quad .16
| .word 4047507571
.16:
| jump .11, a3
  j .9
.17:
.18:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.18)
  mv a4, a1
  mv a1, a6
  tail pcpu_linux::local::copies::Copies<B>::add::otherwise

codegen::add_byte:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld t0, 32(a2)
  ld a6, 40(a2)
  ld a3, 0(a3)
  mv a7, a1
  add a4, tp, a3
.2:
.3:
  auipc a1, %pcrel_hi(.6)
  addi a1, a1, %pcrel_lo(.3)
  sd a1, 8(a4)
.4:
  lw a1, 4(a4)
  slli a1, a1, 3
  add a1, a1, t0
  ld a1, 0(a1)
  add a1, a1, a0
  bltz a1, .8
  lbu a5, 0(a1)
  add a5, a5, a7
  sb a5, 0(a1)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a1
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  mv a1, a6
  mv a4, a7
  tail pcpu_linux::local::copies::Copies<B>::add::otherwise

codegen::add_loop:
  addi sp, sp, -64
  sd ra, 56(sp)
  beqz a1, .11
  ld t1, 24(a0)
  ld t0, 32(a0)
  ld a7, 40(a0)
.1:
  auipc a2, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld t2, %pcrel_lo(.1)(a2)
  li t3, 1
.2:
  auipc a6, %pcrel_hi(.Lanon)
  addi a6, a6, %pcrel_lo(.2)
.3:
  ld a3, 0(t2)
  add a4, tp, a3
.4:
.5:
  auipc a5, %pcrel_hi(.8)
  addi a5, a5, %pcrel_lo(.5)
  sd a5, 8(a4)
.6:
  lw a5, 4(a4)
  slli a5, a5, 3
  add a5, a5, t0
  ld a5, 0(a5)
  add a5, a5, t1
  bltz a5, .10
  ld a2, 0(a5)
  add a2, a2, t3
  sd a2, 0(a5)
.7:
.8:
| .word 0
| .word 0
| .quad .6
| .quad .7-.6
| .quad .9
| .word 4047507571
.9:
| jump .4, a5
  addi a1, a1, -1
  bnez a1, .3
  j .11
.10:
  sd t2, 24(sp)
  li a4, 1
  sd a0, 48(sp)
  sd t1, 40(sp)
  ld a0, 40(sp)
  sd a1, 16(sp)
  mv a1, a7
  sd a7, 8(sp)
  ld a2, 48(sp)
  sd a6, 32(sp)
  sd t0, 0(sp)
  ld a3, 32(sp)
  call pcpu_linux::local::copies::Copies<B>::add::otherwise
  li t3, 1
  ld t2, 24(sp)
  ld t0, 0(sp)
  ld a6, 32(sp)
  ld a7, 8(sp)
  ld t1, 40(sp)
  ld a0, 48(sp)
  ld a1, 16(sp)
  addi a1, a1, -1
  bnez a1, .3
.11:
  ld ra, 56(sp)
  addi sp, sp, 64
  ret

codegen::add_return:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld t0, 32(a2)
  ld a6, 40(a2)
  ld a3, 0(a3)
  mv a7, a1
  add a5, tp, a3
.2:
.3:
  auipc a4, %pcrel_hi(.6)
  addi a4, a4, %pcrel_lo(.3)
  sd a4, 8(a5)
.4:
  lw a4, 4(a5)
  slli a4, a4, 3
  add a4, a4, t0
  ld a4, 0(a4)
  add a4, a4, a0
  bltz a4, .5
  ld a1, 0(a4)
  add a1, a1, a7
  sd a1, 0(a4)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a4
  bltz a4, .8
  mv a0, a1
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  mv a1, a6
  mv a4, a7
  tail pcpu_linux::local::copies::Copies<B>::add_return::otherwise

codegen::cmpxchg:
  mv a7, a2
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld t0, 32(a2)
  ld a6, 40(a2)
  ld t1, 0(a3)
  mv a4, a1
  add a3, tp, t1
.2:
.3:
  auipc a5, %pcrel_hi(.6)
  addi a5, a5, %pcrel_lo(.3)
  sd a5, 8(a3)
.4:
  lw a5, 4(a3)
  slli a5, a5, 3
  add a5, a5, t0
  ld a5, 0(a5)
  add a5, a5, a0
  bltz a5, .5
  ld a1, 0(a5)
  bne a1, a4, .5
  sd a7, 0(a5)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a5
  bltz a5, .8
  xor a1, a1, a4
  snez a0, a1
  not a0, a0
  andi a0, a0, 1
  ret
.8:
  addi sp, sp, -16
  sd ra, 8(sp)
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  mv a1, a6
  mv a5, a7
  call pcpu_linux::local::copies::Copies<B>::compare_exchange::otherwise
  ld ra, 8(sp)
  addi sp, sp, 16
  not a0, a0
  andi a0, a0, 1
  ret

codegen::read:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld a6, 32(a2)
  ld a1, 40(a2)
  ld a5, 0(a3)
  add a3, tp, a5
.2:
.3:
  auipc a4, %pcrel_hi(.6)
  addi a4, a4, %pcrel_lo(.3)
  sd a4, 8(a3)
.4:
  lw a4, 4(a3)
  slli a4, a4, 3
  add a4, a4, a6
  ld a4, 0(a4)
  add a4, a4, a0
  bltz a4, .5
  ld a7, 0(a4)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a4
  bltz a4, .8
  mv a0, a7
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  tail pcpu_linux::local::copies::Copies<B>::load::otherwise

codegen::set_flag:
  mv t0, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(t0)
  ld a6, 32(t0)
  ld a1, 40(t0)
  ld a7, 0(a3)
  li a5, 1
  add a3, tp, a7
.2:
.3:
  auipc a4, %pcrel_hi(.6)
  addi a4, a4, %pcrel_lo(.3)
  sd a4, 8(a3)
.4:
  lw a4, 4(a3)
  slli a4, a4, 3
  add a4, a4, a6
  ld a4, 0(a4)
  add a4, a4, a0
  bltz a4, .8
  lbu a2, 0(a4)
  or a2, a2, a5
  sb a2, 0(a4)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a4
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  li a4, 1
  mv a2, t0
  tail pcpu_linux::local::copies::Copies<B>::or::otherwise

codegen::write:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld a5, 32(a2)
  ld a6, 40(a2)
  ld a3, 0(a3)
  mv a7, a1
  add a4, tp, a3
.2:
.3:
  auipc a1, %pcrel_hi(.6)
  addi a1, a1, %pcrel_lo(.3)
  sd a1, 8(a4)
.4:
  lw a1, 4(a4)
  slli a1, a1, 3
  add a1, a1, a5
  ld a1, 0(a1)
  add a1, a1, a0
  bltz a1, .8
  sd a7, 0(a1)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a1
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  mv a1, a6
  mv a4, a7
  tail pcpu_linux::local::copies::Copies<B>::store::otherwise

codegen::xchg:
  mv a2, a0
.1:
  auipc a0, %got_pcrel_hi(pcpu_linux::local::rseq::area::OFFSET)
  ld a3, %pcrel_lo(.1)(a0)
  ld a0, 24(a2)
  ld t0, 32(a2)
  ld a6, 40(a2)
  ld a3, 0(a3)
  mv a7, a1
  add a5, tp, a3
.2:
.3:
  auipc a4, %pcrel_hi(.6)
  addi a4, a4, %pcrel_lo(.3)
  sd a4, 8(a5)
.4:
  lw a4, 4(a5)
  slli a4, a4, 3
  add a4, a4, t0
  ld a4, 0(a4)
  add a4, a4, a0
  bltz a4, .5
  ld a1, 0(a4)
  sd a7, 0(a4)
.5:
.6:
| .word 0
| .word 0
| .quad .4
| .quad .5-.4
| .quad .7
| .word 4047507571
.7:
| jump .2, a4
  bltz a4, .8
  mv a0, a1
  ret
.8:
.9:
  auipc a3, %pcrel_hi(.Lanon)
  addi a3, a3, %pcrel_lo(.9)
  mv a1, a6
  mv a4, a7
  tail pcpu_linux::local::copies::Copies<B>::exchange::otherwise
