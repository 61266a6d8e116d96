from resnet_repro.cli import main

main()
