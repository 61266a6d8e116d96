#!/usr/bin/env bash
# Train, stop, resume, plot and report with whatever resnet-repro is on the PATH, in an empty folder, without data; then
# train an experiment of the package by its name, and a copy of it.
set -euo pipefail
cd "$(mktemp -d)"

cat > tiny.yaml <<'YAML'
model: {depth: 8, width: 4, shortcut: none}
data: {dataset: synthetic, train_images: 64, test_images: 32}
training: {steps: 400, batch_size: 16, learning_rate: 0.05, evaluate_every: 100, record_every: 100, clean_images: 16}
YAML
stopped() { # a run too long for its 30 seconds, of which loading torch may take half
  code=0
  resnet-repro train tiny.yaml --set name=long --set training.steps=1000000 --time-limit 30s "$@" 2> said || code=$?
  cat said
  [ "$code" -eq 130 ]
}
stopped
ls results/long/seed-0/checkpoint.pt
stopped --seeds 0-1 --jobs 2
grep "long/seed-0: resumes at step" said
ls results/long/seed-1/checkpoint.pt

resnet-repro train tiny.yaml --seeds 0-1 --jobs 2
resnet-repro train tiny.yaml --set model.shortcut=identity --set name=twin
resnet-repro list results
resnet-repro table results
resnet-repro plot results --format png,svg
resnet-repro report results
resnet-repro describe tiny.yaml
ls results/report.html results/figures/*.png results/figures/*.svg

small=(--set data.dataset=synthetic --set data.train_images=320 --set data.test_images=100 --set training.steps=4
    --set training.batch_size=16 --set training.milestones=[2])
resnet-repro experiments
resnet-repro train quick/plain20 "${small[@]}" --results carried
resnet-repro experiments --copy mine
resnet-repro train mine/quick/plain56.yaml "${small[@]}" --results carried
resnet-repro reproduce --schedule tenth --dry-run --results carried
resnet-repro list carried
grep -E '"commit": "[0-9a-f]{40}"' carried/quick/plain20/seed-0/environment.json
