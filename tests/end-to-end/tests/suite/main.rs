//! What users do and what befalls clusters, on real processes.
//!
//! One test binary, so that the harness is linked once. Run by `cargo xtask test`.

mod background_checkpoints;
mod book_walks;
mod catalog_members;
mod command_line;
mod damaged_databases;
mod damaged_snapshots;
mod data_folder;
mod deletion;
mod demo;
mod divergence;
mod drain;
mod first_road;
mod full_disk;
mod kills;
mod large_states;
mod leader_loss;
mod lifecycle;
mod lost_quorum;
mod members;
mod members_under_load;
mod new_plugin;
mod plugin_logs;
mod queries;
mod rebalance;
mod recovery;
mod reflection_and_health;
mod refused_plugins;
mod refused_requests;
mod restarts;
mod sessions;
mod shadow_runs;
mod snapshots;
mod templates;
mod timers;
mod transfer;
mod upgrades;
mod witnesses;
