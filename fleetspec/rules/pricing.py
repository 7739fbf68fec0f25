"""FS2xx: price books that cannot be used."""

from __future__ import annotations

from fleetspec.diagnostics import Rule

_BOOK = "prices: {name: acme, date: 2026-11-02, currency: USD, source: contract 4711, offers: {"

NO_BOOK = Rule(
    "FS286",
    "a price book that cannot be used",
    "Prices of your own are a file of `kind: Prices`, named by `prices: file:…` or given by `--prices`.",
    bad="prices: acme-prices.yaml",
    good=_BOOK + "gcp/n2-standard-32: {price: 1.21 USD/h}}}",
)
NO_PRICE = Rule(
    "FS287",
    "a price that is none",
    "A machine for nothing would be bought first and for everything. A spot node is cheaper than the same node kept, "
    "and is taken back now and then.",
    bad=_BOOK + "gcp/n2-standard-32: {price: 0 USD/h}}}",
    good=_BOOK + "gcp/n2-standard-32: {price: 1.21 USD/h}}}",
)
NO_MACHINE = Rule(
    "FS288",
    "a machine of a price book of which nothing is known",
    "A plan needs cores, memory and GPUs of a node. The catalog has them of its own machines; of others the book says "
    "them, with a GPU that the catalog knows.",
    bad=_BOOK + "acme/dgx: {price: 40 USD/h, cpu: 224, memory: 2048Gi, gpu: H100, gpus: 8}}}",
    good=_BOOK + "acme/dgx: {price: 40 USD/h, cpu: 224, memory: 2048Gi, gpu: H100-80GB, gpus: 8}}}",
)
NO_SPOT_PRICE = Rule(
    "FS289",
    "spot terms that no price book has",
    "The shipped lists have no spot prices: they change by the hour and the zone. `spot: catalog` takes those of a "
    "price book; else the spec says price and chance itself.",
    bad="hardware: {cloud: {offer: gcp/n2-standard-32, max: 2, spot: catalog}}",
    good="hardware: {cloud: {offer: gcp/n2-standard-32, max: 2, spot: {price: 0.60 USD/h, preempt: 4%/h}}}",
)
