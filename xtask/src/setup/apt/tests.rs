// SPDX-License-Identifier: MIT OR Apache-2.0
//! What apt is asked to do on machines of several kinds.

use super::*;

const OLD: &str = "\
qemu-system-arm:
  Installed: (none)
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
     1:7.2+dfsg-7+deb12u18+b3 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
     1:7.2+dfsg-7+deb12u15 500
        500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
";

const WITH_BACKPORTS: &str = "\
qemu-system-arm:
  Installed: 1:7.2+dfsg-7+deb12u18+b3
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
     1:10.0.2+ds-2+deb13u1~bpo12+1 100
        100 http://deb.debian.org/debian bookworm-backports/main amd64 Packages
 *** 1:7.2+dfsg-7+deb12u18+b3 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
";

const NEW: &str = "\
qemu-system-arm:
  Installed: (none)
  Candidate: 1:10.0.2+ds-2
  Version table:
     1:10.0.2+ds-2 500
        500 http://deb.debian.org/debian trixie/main amd64 Packages
";

const BOOKWORM: &str = "ID=debian\nVERSION_CODENAME=bookworm\n";
const NOBLE: &str = "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n";

fn apt(os_release: &str, policy: &str, suites: &[&str]) -> Apt {
    let line = |suite: &&str| format!("deb http://mirror.example/debian {suite} main");
    let sources = suites.iter().filter_map(|suite| sources::from_line(&line(suite)));
    let offers = Offers {
        sources: sources.collect(),
        policy: Policy::parse(policy),
        riscv: vec!["qemu-system-misc"],
    };
    Apt { os_release: os_release.to_owned(), root: &[], offers }
}

fn next(apt: &Apt) -> Next {
    apt.next(&apt.offers)
}

#[test]
fn a_policy_names_each_version_with_its_suite() {
    let policy = Policy::parse(WITH_BACKPORTS);
    let read: Vec<_> =
        policy.versions.iter().map(|(version, suite)| format!("{version} {suite}")).collect();
    assert_eq!(read, ["10.0 bookworm-backports", "7.2 bookworm"]);
    assert_eq!(policy.candidate.unwrap().to_string(), "7.2");
    assert_eq!(Policy::parse(""), Policy::default());
    assert_eq!(Policy::parse("x:\n  Candidate: (none)\n").candidate, None);
}

#[test]
fn a_candidate_that_is_new_enough_is_installed_as_it_is() {
    let apt = apt("ID=debian\nVERSION_CODENAME=trixie\n", NEW, &["trixie"]);
    let packages = vec!["qemu-system-arm", "qemu-system-x86", "qemu-system-misc"];
    assert_eq!(next(&apt), Next::Install { suite: None, packages });
    let said = "apt-get update; apt-get install -y --no-install-recommends qemu-system-arm \
                qemu-system-x86 qemu-system-riscv|qemu-system-misc";
    assert_eq!(apt.in_words(), said);
}

#[test]
fn backports_that_are_there_are_named_for_the_packages() {
    let apt = apt(BOOKWORM, WITH_BACKPORTS, &["bookworm", "bookworm-backports"]);
    let Next::Install { suite, .. } = next(&apt) else { panic!("{:?}", next(&apt)) };
    assert_eq!(suite.as_deref(), Some("bookworm-backports"));
    assert!(apt.in_words().contains(" -t bookworm-backports qemu-system-arm "));
}

#[test]
fn backports_that_are_not_there_are_added_from_the_same_mirror() {
    let apt = apt(BOOKWORM, OLD, &["bookworm"]);
    let Next::AddSuite { path, text } = next(&apt) else { panic!("{:?}", next(&apt)) };
    assert_eq!(path, "/etc/apt/sources.list.d/bookworm-backports.sources");
    assert!(text.contains("URIs: http://mirror.example/debian\nSuites: bookworm-backports\n"));
    let said = "write /etc/apt/sources.list.d/bookworm-backports.sources (Types: deb, ";
    assert!(apt.in_words().starts_with(said), "{}", apt.in_words());
    assert!(apt.in_words().contains(" -t bookworm-backports "));
}

#[test]
fn backports_without_a_newer_version_are_not_added_again() {
    let apt = apt(BOOKWORM, OLD, &["bookworm", "bookworm-backports"]);
    let said = "apt offers qemu-system-arm 7.2, 9.0 or newer is needed";
    assert_eq!(next(&apt), Next::GiveUp(said.to_owned()));
}

#[test]
fn other_systems_with_apt_get_no_suite_that_may_not_exist() {
    let apt = apt(NOBLE, &OLD.replace("7.2+dfsg", "8.2.2+ds"), &["noble"]);
    assert!(matches!(next(&apt), Next::GiveUp(why) if why.contains("qemu-system-arm 8.2")));
}

#[test]
fn a_machine_whose_lists_are_empty_is_told_both_ways() {
    let said = apt(BOOKWORM, "", &["bookworm"]).in_words();
    assert!(said.starts_with("apt-get update; apt-get install -y "), "{said}");
    assert!(said.contains("from bookworm-backports if bookworm itself has no QEMU since 9.0"));
}

#[test]
fn the_package_for_riscv_is_the_newer_one_where_it_exists() {
    let riscv = vec!["qemu-system-riscv", "qemu-system-misc"];
    let offers = Offers { riscv, ..Offers::default() };
    assert_eq!(offers.packages(), ["qemu-system-arm", "qemu-system-x86", "qemu-system-riscv"]);
}

#[test]
fn without_root_every_command_goes_through_sudo() {
    let apt = Apt { root: &["sudo", "-n"], ..apt(BOOKWORM, WITH_BACKPORTS, &["bookworm"]) };
    assert!(apt.in_words().starts_with("sudo -n apt-get update; sudo -n apt-get install "));
}
