//! Schemas made from fixed seeds, with random reads and writes as random callers.

mod dice;
mod kind;
mod read;
mod schema;
mod write;

use basalt_tests::postgres::Cluster;

use super::pair::{Pair, Tally, Who};
use dice::Dice;
use schema::Schema;

/// The users; rows are theirs or nobody's.
const USERS: [&str; 2] = ["a0000000-0000-4000-8000-00000000000a", "b0000000-0000-4000-8000-00000000000b"];

/// Requests of a seed.
const REQUESTS: usize = 220;

/// All seeds; `BASALT_DIFFERENTIAL_SEEDS` (a range such as `5..6`) names others.
pub async fn all(cluster: &Cluster) -> Tally {
    let seeds = match std::env::var("BASALT_DIFFERENTIAL_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").expect("BASALT_DIFFERENTIAL_SEEDS is a range such as 5..6");
            from.parse().expect("a number")..to.parse().expect("a number")
        }
        Err(_) => 1..9,
    };
    let mut all = Tally::default();
    for seed in seeds {
        all.add(one(cluster, seed).await);
    }
    all
}

async fn one(cluster: &Cluster, seed: u64) -> Tally {
    let mut random = Dice::new(seed);
    let schema = Schema::new(&mut random);
    let mut pair = Pair::new(cluster, &schema.script()).await;
    for _ in 0..REQUESTS {
        let who = match random.u8(0..8) {
            0 => Who::Anonymous,
            1..4 => Who::User(USERS[0].to_owned()),
            4..6 => Who::User(USERS[1].to_owned()),
            _ => Who::Service,
        };
        random.next_request();
        let asked = match random.u8(0..10) {
            0..6 => read::request(&mut random, &schema, who),
            _ => write::request(&mut random, &schema, who),
        };
        let watched: Vec<&str> = match asked.path.starts_with("/rpc/") {
            true => schema.tables.iter().map(|table| table.name.as_str()).collect(),
            false => schema.affected_by(&asked.path),
        };
        pair.compare(&asked, &watched).await;
    }
    let mut tally = pair.tally;
    tally.faults.iter_mut().for_each(|fault| fault.insert_str(0, &format!("seed {seed}: ")));
    tally.requests = tally.requests.into_iter().map(|request| format!("seed {seed}: {request}")).collect();
    tally
}
