// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where apt takes packages from: the files in `/etc/apt` that name mirrors and suites.
//!
//! There are two forms, and a machine may have both: one line each (`sources.list`, `*.list`),
//! and stanzas of fields (`*.sources`).

use std::fs;
use std::path::Path;

use crate::setup::system::{os_release, os_release_field};

/// Names that go from release to release: a source may have them in place of a release's own.
const MOVING_SUITES: &[&str] = &["stable", "testing", "unstable"];

/// One mirror with some of its suites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    uri: String,
    suites: Vec<String>,
    /// The keys that sign it, in the form of a stanza's field: a path, or lines of a key.
    signed_by: Option<String>,
}

impl Source {
    /// Whether it offers `suite`.
    pub fn has(&self, suite: &str) -> bool {
        self.suites.iter().any(|has| has == suite)
    }

    /// A stanza for another suite of the same mirror.
    pub fn stanza(&self, suite: &str) -> String {
        let mut text =
            format!("Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n", self.uri);
        if let Some(keys) = &self.signed_by {
            text += &format!("Signed-By: {keys}\n");
        }
        text
    }
}

/// The mirror of Debian itself that this machine takes its packages from; `None` if it runs
/// something else, or names none.
pub fn debian() -> Option<Source> {
    of_debian(&os_release(), look())
}

fn of_debian(os_release: &str, sources: Vec<Source>) -> Option<Source> {
    let field = |name| os_release_field(os_release, name);
    let own = field("VERSION_CODENAME").filter(|_| field("ID") == Some("debian"))?;
    let has_debian =
        |source: &Source| MOVING_SUITES.iter().chain([&own]).any(|suite| source.has(suite));
    // A disc would have to be in its drive.
    sources.into_iter().find(|source| has_debian(source) && !source.uri.starts_with("cdrom:"))
}

/// Reads all files of this machine; one that cannot be read names nothing.
pub fn look() -> Vec<Source> {
    let folder = Path::new("/etc/apt");
    let listed = fs::read_dir(folder.join("sources.list.d")).into_iter().flatten().flatten();
    let mut paths: Vec<_> = listed.map(|entry| entry.path()).collect();
    paths.push(folder.join("sources.list"));
    paths.sort();

    let mut sources = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap_or_default();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(text.lines().filter_map(from_line)),
            Some("sources") => sources.extend(stanzas(&text).iter().filter_map(from_stanza)),
            _ => {}
        }
    }
    sources
}

/// Reads one line: `deb [options] uri suite component...`
pub fn from_line(line: &str) -> Option<Source> {
    let rest = line.split('#').next()?.trim().strip_prefix("deb")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let (options, rest) = match rest.trim_start().strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (uri, suite) = (words.next()?, words.next()?);
    let keys = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    Some(Source {
        uri: uri.to_owned(),
        suites: vec![suite.to_owned()],
        signed_by: keys.map(str::to_owned),
    })
}

/// Fields of one stanza: names in lower case, and values with the lines that continue them.
type Stanza = Vec<(String, String)>;

fn stanzas(text: &str) -> Vec<Stanza> {
    let mut stanzas = vec![Stanza::new()];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let stanza = stanzas.last_mut().expect("there is one from the start");
        if line.trim().is_empty() {
            stanzas.push(Stanza::new());
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                *value += &format!("\n{line}");
            }
        } else if let Some((name, value)) = line.split_once(':') {
            stanza.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    stanzas
}

fn from_stanza(stanza: &Stanza) -> Option<Source> {
    let field = |wanted| stanza.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let words = |name| field(name).into_iter().flat_map(|value| value.split_whitespace());
    if field("enabled").is_some_and(|value| value == "no") || !words("types").any(|it| it == "deb")
    {
        return None;
    }
    Some(Source {
        uri: words("uris").next()?.to_owned(),
        suites: words("suites").map(str::to_owned).collect(),
        signed_by: field("signed-by").cloned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "\
# The distribution.
Types: deb deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main
";

    fn read(text: &str) -> Vec<Source> {
        stanzas(text).iter().filter_map(from_stanza).collect()
    }

    #[test]
    fn stanzas_are_apart_and_a_suite_has_to_match_whole() {
        let sources = read(DEBIAN);
        assert_eq!(sources.len(), 2);
        assert!(sources[0].has("bookworm") && sources[0].has("bookworm-updates"));
        assert!(!sources[1].has("bookworm"));
    }

    #[test]
    fn a_stanza_that_is_off_or_has_sources_alone_offers_nothing() {
        assert_eq!(read(&DEBIAN.replace("Suites", "Enabled: no\nSuites")), []);
        assert_eq!(read("Types: deb-src\nURIs: http://e\nSuites: s\n"), []);
    }

    #[test]
    fn a_stanza_for_another_suite_keeps_mirror_and_keys() {
        let stanza = read(DEBIAN)[0].stanza("bookworm-backports");
        let said = "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm-backports\n\
                    Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
        assert_eq!(stanza, said);
        assert_eq!(read(&stanza)[0].uri, "http://deb.debian.org/debian");
    }

    #[test]
    fn a_key_of_several_lines_stays_whole() {
        let key = "\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END-----";
        let text = format!("Types: deb\nURIs: http://e\nSuites: s\nSigned-By:{key}\n");
        let stanza = read(&text)[0].stanza("t");
        assert!(stanza.ends_with("mQINBF\n -----END-----\n"), "{stanza}");
        assert_eq!(read(&stanza)[0].signed_by, read(&text)[0].signed_by);
    }

    #[test]
    fn lines_are_read_with_and_without_options() {
        let plain = from_line("deb http://deb.debian.org/debian bookworm main # comment").unwrap();
        assert!(plain.has("bookworm") && plain.signed_by.is_none());
        let signed = "deb [arch=amd64 signed-by=/k.gpg] http://e bookworm-backports main";
        assert_eq!(from_line(signed).unwrap().signed_by.as_deref(), Some("/k.gpg"));
        for line in ["", "# deb http://e s main", "deb-src http://e s main", "deb http://e"] {
            assert_eq!(from_line(line), None, "{line}");
        }
    }

    #[test]
    fn the_mirror_of_debian_is_known_by_its_suite_in_both_forms() {
        let os = "ID=debian\nVERSION_CODENAME=bookworm\n";
        let lines = [
            "deb cdrom:[Debian]/ bookworm main",
            "deb http://other.example/x stable2 main",
            "deb http://d.example/debian-security bookworm-security main",
            "deb http://d.example/debian bookworm main",
        ];
        let sources: Vec<_> = lines.iter().filter_map(|line| from_line(line)).collect();
        assert_eq!(of_debian(os, sources).unwrap().uri, "http://d.example/debian");
        assert_eq!(of_debian(os, read(DEBIAN)).unwrap(), read(DEBIAN)[0]);
    }

    #[test]
    fn the_mirror_may_be_named_by_a_suite_that_moves() {
        let os = "ID=debian\nVERSION_CODENAME=trixie\n";
        let stable = from_line("deb http://d.example/debian stable main");
        assert_eq!(of_debian(os, stable.iter().cloned().collect()), stable);
    }

    #[test]
    fn a_system_that_is_not_debian_names_no_mirror_of_it() {
        let os = "ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=bookworm\n";
        assert_eq!(of_debian(os, read(DEBIAN)), None);
        assert_eq!(of_debian("", read(DEBIAN)), None);
    }
}
