// SPDX-License-Identifier: MIT OR Apache-2.0
//! Descriptors, and the instructions they are about.
#![allow(unsafe_code)]

use std::{fs, ptr, slice};

use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Instruction, InstructionInfoFactory, OpAccess,
};
use object::{Object, ObjectSection, ObjectSegment};

/// As the C library registers it.
const SIGNATURE: u32 = 0x5305_3053;

/// What the kernel reads.
#[repr(C, align(32))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Descriptor {
    version: u32,
    flags: u32,
    start: u64,
    len: u64,
    abort: u64,
}

/// A sequence in this program.
#[derive(Clone, Debug)]
pub struct Range {
    /// The first instruction of the range.
    pub start: u64,
    /// The first one after it: everything has been committed.
    pub end: u64,
    pub abort: u64,
    /// Every instruction, from where the abort handler comes back to, up to and with `end`.
    pub instructions: Vec<u64>,
    descriptor: Descriptor,
}

/// The instructions from `from` on, as long as `wanted`.
fn decode(from: u64, wanted: impl Fn(&Instruction) -> bool) -> Vec<Instruction> {
    let code = ptr::with_exposed_provenance::<u8>(from as usize);
    // SAFETY: code of this program, which no decoder leaves by more than an instruction.
    let code = unsafe { slice::from_raw_parts(code, 4096) };
    let decoder = Decoder::with_ip(64, code, from, DecoderOptions::NONE);
    decoder.into_iter().take_while(wanted).collect()
}

impl Range {
    /// Reads the descriptor at `address`, and the code it is about.
    pub fn read(address: u64) -> Self {
        let descriptor = ptr::with_exposed_provenance::<Descriptor>(address as usize);
        assert!(descriptor.is_aligned(), "a descriptor at {address:#x}");
        // SAFETY: a descriptor of this program, which stays as the loader made it.
        let descriptor = unsafe { descriptor.read() };
        let (start, abort) = (descriptor.start, descriptor.abort);
        let end = start + descriptor.len;
        let resumes = resume_of(abort);
        // The spin does not come back to before its range.
        let first = if resumes < start { resumes } else { start };
        let instructions = decode(first, |it| it.ip() <= end).iter().map(Instruction::ip).collect();
        Self { start, end, abort, instructions, descriptor }
    }

    /// Whether the kernel aborts whoever is interrupted at `at`.
    pub fn contains(&self, at: u64) -> bool {
        (self.start..self.end).contains(&at)
    }

    /// Asserts all that can be known without running it.
    pub fn check(&self) {
        let Descriptor { version, flags, .. } = self.descriptor;
        assert_eq!((version, flags), (0, 0));
        assert!(!self.contains(self.abort), "{self:x?}");
        let signature = ptr::with_exposed_provenance::<u32>(self.abort as usize - 4);
        // SAFETY: four bytes before an abort handler, in code of this program.
        assert_eq!(unsafe { signature.read_unaligned() }, SIGNATURE, "{self:x?}");
        assert_eq!(self.instructions.last(), Some(&self.end), "an instruction lies across the end");

        let inside = decode(self.start, |it| it.ip() < self.end);
        let mut info = InstructionInfoFactory::new();
        let mut writers = Vec::new();
        for instruction in &inside {
            let flow = instruction.flow_control();
            let branches =
                matches!(flow, FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch);
            assert!(flow == FlowControl::Next || branches, "{instruction} in {self:x?}");
            let writes = |access| {
                matches!(access, OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite)
            };
            let memory = info.info(instruction).used_memory();
            if memory.iter().any(|it| writes(it.access())) {
                assert!(!instruction.has_lock_prefix(), "{instruction}");
                writers.push(instruction.ip());
            }
        }
        // Two or three for a list or a stack; the last of them commits.
        let last = inside.last().map(Instruction::ip);
        assert!(writers.len() <= 2, "{} stores in {self:x?}", writers.len());
        assert!(writers.is_empty() || writers.last().copied() == last, "{self:x?}");
    }
}

/// Where an abort handler jumps to.
fn resume_of(abort: u64) -> u64 {
    let before = decode(abort, |it| it.flow_control() == FlowControl::Next);
    let jump = before.last().map_or(abort, Instruction::next_ip);
    let jump = decode(jump, |it| it.ip() == jump);
    assert_eq!(jump[0].flow_control(), FlowControl::UnconditionalBranch, "{}", jump[0]);
    jump[0].near_branch_target()
}

/// All whose descriptors are in this program's file.
pub fn of_this_program() -> Vec<Range> {
    let bytes = fs::read("/proc/self/exe").unwrap();
    let file = object::File::parse(&*bytes).unwrap();
    let section = file.section_by_name("__rseq_cs").expect("sequences of this program");
    let lowest = file.segments().map(|it| it.address()).min().unwrap();
    let first = section.address() - lowest + lowest_mapped();
    (0..section.size() / 32).map(|nth| Range::read(first + 32 * nth)).collect()
}

/// Where the kernel has put the beginning of this program.
fn lowest_mapped() -> u64 {
    let program = fs::read_link("/proc/self/exe").unwrap();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.ends_with(program.to_str().unwrap())).unwrap();
    u64::from_str_radix(line.split('-').next().unwrap(), 16).unwrap()
}
