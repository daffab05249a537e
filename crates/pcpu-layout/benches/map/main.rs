// SPDX-License-Identifier: MIT OR Apache-2.0
//! The map against a scan of a plain bitmap, on 64 pages that are 60 % full.
//!
//! Both answer alike, the lowest fit; set-up asserts it. They differ in what they read: the scan
//! reads words from bit 0 to its answer and keeps nothing up to date, the map reads one path of a
//! tree and repairs that path after every change. So the scan is at its best where the answer is
//! near, and where nothing is asked but "set these bits".
//!
//! The figures are in docs/performance.md. `cargo bench -p pcpu-layout`

mod naive;
mod worn;

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use pcpu_layout::map::{Backing, Map, Within};
use pcpu_layout::{Bits, PageCount, Span};

use naive::Bitmap;
use worn::{NR_BITS, Owned, PAGE_BITS, Random, Sizes, thinned, worn};

/// Sizes of the areas on the map, and of what is then asked of it.
const PROFILES: &[(&str, Sizes)] =
    &[("1-16", (1, 16)), ("2-64", (2, 64)), ("64-255", (64, 255)), ("all of 4", (4, 4))];

/// Length of the one long run, and where it begins.
const FAR: (u32, u32) = (3000, NR_BITS - 4000);

/// Requests that a measurement goes round and round.
const NR_REQUESTS: usize = 1024;

fn main() {
    let mut bench = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    for &(name, sizes) in PROFILES {
        let areas = worn(sizes);
        let requests = requests(sizes, 1);
        compare(&mut bench, name, &areas, &requests);
    }
    let areas = worn((2, 64));
    for align in [16, 1024] {
        compare(&mut bench, &format!("2-64 align {align}"), &areas, &requests((2, 64), align));
    }
    let mut areas = thinned((1, 16));
    compare(&mut bench, "1-16 thinned", &areas, &requests((1, 16), 1));
    areas.retain(|area| area.end < FAR.1);
    let last = areas.iter().map(|area| area.end).max().expect("the map is worn");
    areas.push(last..FAR.1);
    areas.push(FAR.1 + FAR.0..NR_BITS);
    compare(&mut bench, "far run of 3000", &areas, &[(FAR.0, 1)]);
    compare(&mut bench, "3001, not there", &areas, &[(FAR.0 + 1, 1)]);
    bench.final_summary();
}

fn requests(sizes: Sizes, align: u32) -> Vec<(u32, u32)> {
    let mut random = Random::new(7);
    (0..NR_REQUESTS).map(|_| (random.size(sizes), align)).collect()
}

fn span((start, len): (u32, u32)) -> Span<Bits> {
    Span::new(Bits::new(start), Bits::new(start + len))
}

fn find(map: &Map<'_>, (len, align): (u32, u32)) -> Option<u32> {
    map.find(Bits::new(len), Bits::new(align), Within::Anywhere).map(Bits::get)
}

/// Measures `find`, `take` + `give`, and all three, by the map, the map of a chunk backed on
/// demand, and the bitmap.
fn compare(bench: &mut Criterion, name: &str, areas: &[worn::Area], requests: &[(u32, u32)]) {
    let mut bitmap = Bitmap::new(NR_BITS);
    areas.iter().for_each(|area| bitmap.set(area.clone()));
    let (mut one_tree, mut two_trees) =
        (Owned::new(Backing::Always), Owned::new(Backing::OnDemand));
    let (mut map, mut vm) = (one_tree.map(), two_trees.map());
    let all = Span::new(PageCount::ZERO, PageCount::new((NR_BITS / PAGE_BITS) as usize));
    let _ = vm.populate(all);
    for area in areas {
        let _ = map.take(span((area.start, area.end - area.start)));
        let _ = vm.take(span((area.start, area.end - area.start)));
    }
    let fits: Vec<_> = requests.iter().map(|&request| bitmap.find(request)).collect();
    let answers: Vec<_> = requests.iter().map(|&request| find(&map, request)).collect();
    assert_eq!(answers, fits, "both find the lowest fit");
    let spans: Vec<_> =
        requests.iter().zip(&fits).filter_map(|(r, fit)| Some(((*fit)?, r.0))).collect();

    let mut group = bench.benchmark_group(name);
    let mut next = requests.iter().copied().cycle();
    let mut request = move || black_box(next.next().expect("there are requests"));
    group.bench_function("find/map", |b| b.iter(|| find(&map, request())));
    group.bench_function("find/scan", |b| b.iter(|| bitmap.find(request())));
    if spans.is_empty() {
        group.finish();
        return;
    }

    let mut next = spans.iter().copied().cycle();
    let mut place = move || black_box(next.next().expect("there are fits"));
    for (which, map) in [("map", &mut map), ("vm map", &mut vm)] {
        group.bench_function(format!("take+give/{which}"), |b| {
            b.iter(|| {
                let area = span(place());
                let taken = map.take(area);
                (taken, map.give(area.start))
            });
        });
    }
    group.bench_function("take+give/scan", |b| {
        b.iter(|| {
            let (start, len) = place();
            bitmap.set(start..start + len);
            black_box(&mut bitmap).clear(start..start + len);
        });
    });

    group.bench_function("all three/map", |b| {
        b.iter(|| {
            let wanted = request();
            let start = find(&map, wanted)?;
            let taken = map.take(span((start, wanted.0)));
            Some((taken, map.give(Bits::new(start))))
        });
    });
    group.bench_function("all three/scan", |b| {
        b.iter(|| {
            let wanted = request();
            let start = bitmap.find(wanted)?;
            bitmap.set(start..start + wanted.0);
            black_box(&mut bitmap).clear(start..start + wanted.0);
            Some(start)
        });
    });
    group.finish();
}
