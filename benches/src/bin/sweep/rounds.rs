//! What whole rounds take, by the decade of the difference.

use std::io;

use benches::SplitMix;
use gossip_core::sketch::DeepWidth;

use crate::csv::Csv;
use crate::exchange::{Cost, Exchange, Policy};

/// Differences of these rounds are log-uniform in each decade, of 1 to 10, of 10 to 100 and so on.
const DECADES: [(usize, usize); 5] = [(1, 2_000), (10, 2_000), (100, 1_500), (1_000, 600), (10_000, 120)];

const COLUMNS: [&str; 7] =
    ["from_d", "rounds", "bytes", "bytes_per_difference", "round_trips", "many_top_ups", "failed"];

/// Rounds by each policy, which all read the same differences. The first columns tell the policy.
fn play(csv: &mut Csv, policies: &[(Vec<String>, Policy)], seed: u64) -> io::Result<()> {
    for (from, usual) in DECADES {
        let mut random = SplitMix::new(seed ^ (from as u64) << 32);
        let mut costs = vec![Cost::default(); policies.len()];
        let mut differences = 0;
        let rounds = csv.trials(usual);
        for index in 0..rounds {
            // Spread evenly, which keeps the means steadier than chance.
            let d = (from as f64 * 10_f64.powf((index as f64 + 0.5) / rounds as f64)) as usize;
            differences += d;
            let mut exchange = Exchange::new(d, &mut random);
            policies.iter().zip(&mut costs).for_each(|((_, policy), cost)| *cost += exchange.round(policy));
        }
        for ((told, _), cost) in policies.iter().zip(&costs) {
            let share = |count: usize| count as f64 / rounds as f64;
            let (bytes, each) = (cost.mean_bytes(), cost.bytes as f64 / differences as f64);
            let (trips, many, failed) = (cost.mean_trips(), share(cost.many), share(cost.failed));
            let measured = [
                from.to_string(),
                rounds.to_string(),
                format!("{bytes:.1}"),
                format!("{each:.3}"),
                format!("{trips:.3}"),
                format!("{many:.4}"),
                format!("{failed:.4}"),
            ];
            csv.row(told.iter().cloned().chain(measured))?;
        }
    }
    Ok(())
}

pub(crate) fn economies(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["economy"].into_iter().chain(COLUMNS))?;
    play(csv, &Policy::ALL.map(|(name, policy)| (vec![name.to_string()], policy)), seed)
}

pub(crate) fn heads(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["head", "bits", "late"].into_iter().chain(COLUMNS))?;
    let mut policies = vec![];
    for head in [8, 16, 24, 32, 48, 64] {
        let told = |bits: u32, late: u32| [head as u32, bits, late].map(|number| number.to_string()).to_vec();
        for (bits, late) in [(0, None), (32, Some(DeepWidth::Narrow)), (64, Some(DeepWidth::Wide))] {
            policies.push((told(0, bits), Policy { head, deep: None, late, ..Policy::BALANCED }));
        }
        for (bits, deep) in [(32, DeepWidth::Narrow), (64, DeepWidth::Wide)] {
            policies.push((told(bits, 0), Policy { head, deep: Some(deep), ..Policy::BALANCED }));
        }
    }
    play(csv, &policies, seed)
}

pub(crate) fn requests(csv: &mut Csv, seed: u64) -> io::Result<()> {
    csv.row(["economy", "first", "sigmas", "least"].into_iter().chain(COLUMNS))?;
    let all_sigmas = [
        [0, 500, 1_000, 2_000],
        [500, 1_000, 1_000, 2_000],
        [1_000, 1_500, 2_000, 3_000],
        [1_500, 2_000, 2_000, 3_000],
    ];
    let all_least = [[4, 12, 48, 96], [8, 24, 96, 192], [16, 48, 96, 192]];
    let mut policies = vec![];
    for (economy, policy) in Policy::ALL {
        for first in [600, 700, 750, 800, 850, 900, 950, 1_000, 1_100, 1_250] {
            for sigmas in all_sigmas {
                for least in all_least {
                    let join = |numbers: [String; 4]| numbers.join(" ");
                    let lists = [join(sigmas.map(|z| z.to_string())), join(least.map(|cells| cells.to_string()))];
                    let told = [economy.to_string(), first.to_string()].into_iter().chain(lists).collect();
                    policies.push((told, Policy { first, sigmas, least, ..policy }));
                }
            }
        }
    }
    play(csv, &policies, seed)
}
