from synth_scaling.cli import main

if __name__ == "__main__":
    main()
