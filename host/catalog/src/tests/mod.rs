mod changes;
mod fixtures;
mod machine;
mod members;
mod reconcile;
mod upgrades;
mod wire;
mod witnesses;
