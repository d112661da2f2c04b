"""The parts of `python -m synth_scaling.gpu_check`: does this machine train and sample as it should, and how fast?"""
