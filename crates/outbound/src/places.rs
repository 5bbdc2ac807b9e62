//! Places for requests under way: so many in all, and so many for one host, so that a slow one does not take all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Error;

/// The places. Whoever finds none is refused at once: nothing queues.
#[derive(Debug)]
pub(crate) struct Places {
    all: usize,
    per_host: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    hosts: HashMap<String, usize>,
}

/// A place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    host: String,
}

impl Places {
    pub(crate) fn new(all: usize, per_host: usize) -> Places {
        Places { all, per_host, taken: Mutex::default() }
    }

    /// A place for a request to `host` (with its port).
    pub(crate) fn take(self: &Arc<Self>, host: &str) -> Result<Place, Error> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.hosts.get(host).copied().unwrap_or_default();
        if taken.all >= self.all || here >= self.per_host {
            return Err(Error::Busy);
        }
        taken.all += 1;
        taken.hosts.insert(host.to_owned(), here + 1);
        Ok(Place { places: self.clone(), host: host.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(here) = taken.hosts.get_mut(&self.host) {
            *here -= 1;
            if *here == 0 {
                taken.hosts.remove(&self.host);
            }
        }
    }
}
