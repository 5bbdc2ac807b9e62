//! Gives back the memory that only starting needed.
//!
//! Most of what a server holds at rest is its own program, mapped from the file: starting runs once through much of it that no request
//! ever does. Those pages are let go when all is ready; what requests run through comes back with the first of them, from the
//! system's cache of the file.

/// Lets go of the program's pages. Whatever cannot be let go stays, which does no harm.
#[cfg(target_os = "linux")]
pub fn settle() {
    let mappings = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    for (start, end) in untouched(&mappings) {
        if let Err(error) = let_go(start, end) {
            tracing::debug!(%error, "memory that starting needed could not be given back");
        }
    }
}

/// Only Linux has a way for a process to say so.
#[cfg(not(target_os = "linux"))]
pub fn settle() {}

/// The mappings that are exactly what a file holds: private ones that can't be written and of which no page was copied. (One that was
/// written before it was closed, as the linker's tables are, holds what no file does.)
#[cfg(target_os = "linux")]
fn untouched(smaps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if let Some(range) = range(first) {
            let is_closed = words.next().is_some_and(|rights| rights.starts_with("r-") && rights.ends_with('p'));
            let is_file = words.next_back().is_some_and(|path| path.starts_with('/'));
            current = Some(range).filter(|_| is_closed && is_file);
        } else if first == "Anonymous:"
            && let Some(range) = current.take().filter(|_| words.next() == Some("0"))
        {
            found.push(range);
        }
    }
    found
}

/// `7f12a000-7f13b000`.
#[cfg(target_os = "linux")]
fn range(word: &str) -> Option<(usize, usize)> {
    let (start, end) = word.split_once('-')?;
    Some((usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?))
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // madvise can lose what memory holds, so its binding is unsafe
fn let_go(start: usize, end: usize) -> rustix::io::Result<()> {
    use rustix::mm::{Advice, madvise};
    let start = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: the mapping is private, can't be written, and is what its file holds, so that the same bytes come back when they are read.
    unsafe { madvise(start, end - start.addr(), Advice::LinuxDontNeed) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    const SMAPS: &str = "\
55d0a1000000-55d0a1800000 r--p 00000000 fe:00 1234 /usr/bin/basalt
Rss:                3300 kB
Anonymous:             0 kB
VmFlags: rd mr mw me sd
55d0a1800000-55d0a2d00000 r-xp 00800000 fe:00 1234 /usr/bin/basalt
Anonymous:             0 kB
55d0a2d00000-55d0a2e00000 r--p 01d00000 fe:00 1234 /usr/bin/basalt
Anonymous:          1200 kB
55d0a2e00000-55d0a2f00000 rw-p 01e00000 fe:00 1234 /usr/bin/basalt
Anonymous:             0 kB
7f0000000000-7f0000100000 r--s 00000000 fe:00 77 /srv/shop/.basalt/basalt.db
Anonymous:             0 kB
7f0000100000-7f0000200000 r--p 00000000 00:00 0 [vvar]
Anonymous:             0 kB
";

    #[test]
    fn only_what_its_file_holds_is_let_go() {
        let program = [(0x55d0_a100_0000, 0x55d0_a180_0000), (0x55d0_a180_0000, 0x55d0_a2d0_0000)];
        assert_eq!(untouched(SMAPS), program);
    }

    #[test]
    fn the_program_goes_on() {
        let mapped = || {
            let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
            assert!(!untouched(&smaps).is_empty());
        };
        mapped();
        settle();
        mapped();
    }
}
