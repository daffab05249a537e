// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table of cells: which back end each has, and that no other choice can be written.

use std::any::TypeId;

use pcpu_core::Machine as Backed;
use pcpu_platform::{Cell, Km, SmpMmu, SmpNoMmu, Up, Vm};
use pcpu_sim::{NoMmu, Smp, Uni};

fn back_end<P>() -> (TypeId, bool)
where
    P: Backed<Backend: 'static>,
    <P::Cell as Cell<P>>::Backend: 'static,
{
    // The cell's answer and the allocator's are the same one.
    let of_cell = TypeId::of::<<P::Cell as Cell<P>>::Backend>();
    assert_eq!(of_cell, TypeId::of::<<P as Backed>::Backend>());
    assert_eq!(<P::Cell as Cell<P>>::SMP, <P as Backed>::SMP);
    (of_cell, <P as Backed>::SMP)
}

#[test]
fn km_is_used_unless_there_are_several_cpus_and_an_mmu() {
    let (km, vm) = (TypeId::of::<Km>(), TypeId::of::<Vm>());
    assert_eq!(back_end::<Uni>(), (km, false));
    assert_eq!(back_end::<NoMmu>(), (km, true));
    assert_eq!(back_end::<Smp>(), (vm, true));

    // Cell by cell. One CPU has km with and without a means to map: `Smp` has a mapper, `NoMmu`
    // has none.
    assert_eq!(TypeId::of::<<Up as Cell<NoMmu>>::Backend>(), km);
    assert_eq!(TypeId::of::<<Up as Cell<Smp>>::Backend>(), km);
    assert_eq!(TypeId::of::<<SmpNoMmu as Cell<NoMmu>>::Backend>(), km);
    assert_eq!(TypeId::of::<<SmpMmu as Cell<Smp>>::Backend>(), vm);
}

/// Not under Miri, which cannot run a compiler.
#[cfg(not(miri))]
#[test]
fn no_other_choice_compiles_and_the_message_helps() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
