//! Gives back the memory that only starting, or what was done for a while, needed.
//!
//! Most of what a server holds at rest is its own program, mapped from the file: starting runs once through much of it that no request
//! ever does, and the system maps 16 pages around each one that is run. Those pages are let go when all is ready, and again whenever
//! the server has come to rest; what is needed comes back from the system's cache of the file with whoever needs it.

use std::convert::Infallible;
#[cfg(target_os = "linux")]
use std::time::Duration;

/// How long a server must have done next to nothing to be at rest.
#[cfg(target_os = "linux")]
const QUIET: Duration = Duration::from_secs(5);

/// Next to nothing: this part of one core.
#[cfg(target_os = "linux")]
const IDLE: u32 = 100;

/// So many kB of files more than the last time are worth to be let go.
#[cfg(target_os = "linux")]
const WORTH: u64 = 2048;

/// Lets go of the program's pages now and whenever the server comes to rest.
#[cfg(target_os = "linux")]
pub async fn settle() -> Infallible {
    let mut kept = let_all_go().await;
    loop {
        let before = processor_time();
        tokio::time::sleep(QUIET).await;
        let is_at_rest = processor_time().saturating_sub(before) < QUIET / IDLE;
        if is_at_rest && mapped() > kept + WORTH {
            kept = let_all_go().await;
        }
    }
}

/// Only Linux has a way for a process to say so.
#[cfg(not(target_os = "linux"))]
pub async fn settle() -> Infallible {
    std::future::pending().await
}

/// Lets go of the program's pages; gives how many kB of files are mapped still. Whatever cannot be let go stays, which does no harm.
#[cfg(target_os = "linux")]
async fn let_all_go() -> u64 {
    let gone = tokio::task::spawn_blocking(|| {
        let mappings = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        for (start, end) in untouched(&mappings) {
            if let Err(error) = let_go(start, end) {
                tracing::debug!(%error, "memory that is not needed could not be given back");
            }
        }
        mapped()
    });
    gone.await.unwrap_or_default()
}

/// The processor time that this process has used so far.
#[cfg(target_os = "linux")]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The kB of files that are in this process's memory. (proc_pid_statm(5): `shared`, in pages)
#[cfg(target_os = "linux")]
fn mapped() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = statm.split_whitespace().nth(2).and_then(|pages| pages.parse().ok());
    pages.unwrap_or_default() * rustix::param::page_size() as u64 / 1024
}

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

    #[tokio::test]
    async fn the_program_goes_on_with_less() {
        let before = mapped();
        let after = let_all_go().await;
        assert!(0 < after && after < before, "{before} kB, then {after} kB");
    }
}
