// SPDX-License-Identifier: MIT OR Apache-2.0
//! Restartable sequences of this processor, on this kernel.
#![allow(unsafe_code)]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "one line a result, all on one word")]

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use pcpu_linux::local::{
    Busy, By, ConcurrencyId, Copies, Cpu, Index, List, Mode, Stack, Tested, mode,
};
use pcpu_platform::Word;

use crate::local_common::{Area, Everywhere};

const THREADS: usize = 8;

/// Sequences are in use, and the kernel was seen to abort one that it preempted.
pub fn used() -> Result<String, String> {
    match mode() {
        Mode::Sequences(sequence) if sequence.tested == Tested::Aborts => {
            Ok(format!("{}, {} bytes, aborts seen", mode(), sequence.active_size))
        }
        Mode::Sequences(_) => Err("nobody was preempted in the self-test".to_owned()),
        Mode::Fallback(_) => Err(mode().to_string()),
    }
}

/// Every operation on every width, against arithmetic.
pub fn words() -> Result<String, String> {
    let tried = Cell::new(0);
    word::<Cpu, u8>(&tried)?;
    word::<Cpu, u16>(&tried)?;
    word::<Cpu, u32>(&tried)?;
    word::<Cpu, u64>(&tried)?;
    word::<ConcurrencyId, u8>(&tried)?;
    word::<ConcurrencyId, u16>(&tried)?;
    word::<ConcurrencyId, u32>(&tried)?;
    word::<ConcurrencyId, u64>(&tried)?;
    Ok(format!("{} results agree", tried.get()))
}

fn word<B: By, W: Word>(tried: &Cell<u32>) -> Result<(), String> {
    let area = Area::new(64);
    let copies = Copies::<B>::new(area.address(16), area.table());
    let bits = size_of::<W>() as u32 * 8;
    let mask = u64::MAX >> (64 - bits);
    let all = &Everywhere;
    let is = |what: &str, got: u64, wanted: u64| {
        tried.set(tried.get() + 1);
        if got & mask == wanted & mask {
            return Ok(());
        }
        Err(format!("{what} with {bits} bits: {got:#x} and not {wanted:#x}"))
    };
    for a in [0, 1, mask / 2, mask / 2 + 1, mask, 0x5A5A_5A5A_5A5A_5A5A & mask] {
        for b in [0, 1, 2, mask / 2 + 1, mask, 0x3333_3333_3333_3333 & mask] {
            let (x, y) = (W::from_bits(a), W::from_bits(b));
            let write = || area.write_all(16, &a.to_le_bytes()[..size_of::<W>()]);
            // The copies are all alike but for the one that was changed, or two after a move.
            let changed = || area.changed(16, u128::from(a))[0] as u64;
            // SAFETY: every copy has an aligned word there, used by this thread alone.
            unsafe {
                write();
                is("load", copies.load::<W>(all).to_bits(), a)?;
                copies.add(y, all);
                is("add", changed(), a.wrapping_add(b))?;
                write();
                is("add_return", copies.add_return(y, all).to_bits(), a.wrapping_add(b))?;
                is("what it left", changed(), a.wrapping_add(b))?;
                write();
                is("exchange", copies.exchange(y, all).to_bits(), a)?;
                is("what it left", changed(), b)?;
                write();
                copies.and(y, all);
                is("and", changed(), a & b)?;
                write();
                copies.or(y, all);
                is("or", changed(), a | b)?;
                write();
                copies.store(y, all);
                is("store", changed(), b)?;
                write();
                is("compare", u64::from(copies.compare_exchange(x, y, all).is_ok()), 1)?;
                is("what it left", changed(), b)?;
                write();
                let other = W::from_bits(a ^ 1);
                is("compare", u64::from(copies.compare_exchange(other, y, all).is_ok()), 0)?;
                is("what it left", changed(), a)?;
            }
        }
    }
    Ok(())
}

/// Nothing is lost between more threads than CPUs.
pub fn sums() -> Result<String, String> {
    let by_cpu = sum::<Cpu>()?;
    let by_id = sum::<ConcurrencyId>()?;
    Ok(format!("{by_cpu} by CPU and {by_id} by concurrency id, none lost"))
}

fn sum<B: By>() -> Result<u64, String> {
    const EACH: u64 = 200_000;
    let area = Area::new(8);
    let copies = Copies::<B>::new(area.address(0), area.table());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            // SAFETY: every copy is an aligned word, changed by these operations alone.
            scope.spawn(|| (0..EACH).for_each(|_| unsafe { copies.add(1_u64, &Everywhere) }));
        }
    });
    let wanted = EACH * THREADS as u64;
    if area.sum(0) == wanted { Ok(wanted) } else { Err(format!("{} of {wanted}", area.sum(0))) }
}

/// Words on stacks and nodes on lists come back once each, while somebody drains.
pub fn structures() -> Result<String, String> {
    let stacked = stack()?;
    let listed = list()?;
    Ok(format!("{stacked} words and {listed} nodes, each once"))
}

fn stack() -> Result<usize, String> {
    const LIMIT: usize = 600;
    const ROUNDS: usize = 300;
    const AT_ONCE: usize = 128;
    let area = Area::new(8 * (LIMIT + 2));
    // SAFETY: an area of that layout, zeroed, with a table of its own.
    let stack = unsafe { Stack::<Cpu>::new(area.address(0), area.table(), LIMIT) };
    let (next, all) = (AtomicUsize::new(1), std::sync::Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut taken = Vec::new();
                for round in 0..ROUNDS {
                    let first = next.fetch_add(AT_ONCE, Relaxed);
                    let words: Vec<_> = (first..first + AT_ONCE).collect();
                    while stack.append(&words, &Everywhere) != Ok(true) {
                        taken.extend(stack.pop(&Everywhere).ok().flatten());
                    }
                    for _ in 0..AT_ONCE {
                        taken.extend(stack.pop(&Everywhere).ok().flatten());
                    }
                    if round % 50 == 0 {
                        let _ = stack.drain(Index::new(round as u32 / 50 % 4), |it| taken.push(it));
                    }
                }
                all.lock().unwrap().extend(taken);
            });
        }
    });
    let mut all = all.into_inner().unwrap();
    for cpu in 0..64 {
        match stack.drain(Index::new(cpu), |word| all.push(word)) {
            Ok(Ok(())) => {}
            Ok(Err(Busy)) => return Err(format!("the stack of CPU {cpu} is busy for ever")),
            Err(error) => return Err(error.to_string()),
        }
    }
    let put = next.load(Relaxed) - 1;
    let different: HashSet<_> = all.iter().collect();
    if all.len() == put && different.len() == put {
        Ok(put)
    } else {
        Err(format!("{} of {put}", all.len()))
    }
}

fn list() -> Result<usize, String> {
    const NODES: usize = 64;
    let area = Area::new(16);
    // SAFETY: an area of that layout, zeroed, with a table of its own; nodes are leaked.
    let list = unsafe { List::<Cpu>::new(area.address(0), area.table(), 0) };
    let nodes: &'static [[usize; 2]] = Box::leak(vec![[0; 2]; NODES].into_boxed_slice());
    for node in nodes {
        let node = std::ptr::from_ref(node).expose_provenance();
        // SAFETY: a node that is on no list.
        while unsafe { list.push(node, &Everywhere) } == Err(Busy) {}
    }
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..50_000 {
                    // SAFETY: nodes are as the list wants them.
                    if let Ok(Some(node)) = unsafe { list.pop(&Everywhere) } {
                        // SAFETY: taken off a line above.
                        while unsafe { list.push(node, &Everywhere) } == Err(Busy) {}
                    }
                }
            });
        }
    });
    let mut found = HashSet::new();
    for cpu in 0..64 {
        // SAFETY: nodes are as the list wants them.
        let drained = unsafe { list.drain(Index::new(cpu)) }.map_err(|error| error.to_string())?;
        let mut node = drained.map_err(|error| error.to_string())?;
        while let Some(address) = node {
            if !found.insert(address) {
                return Err("a node is on two lists".to_owned());
            }
            // SAFETY: a node, whose first word is the link.
            let next = unsafe { std::ptr::with_exposed_provenance::<usize>(address).read() };
            node = (next != 0).then_some(next);
        }
    }
    if found.len() == NODES { Ok(NODES) } else { Err(format!("{} of {NODES} nodes", found.len())) }
}
