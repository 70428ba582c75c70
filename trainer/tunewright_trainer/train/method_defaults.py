"""What each method takes for a number that the spec leaves out, and why. Tables only."""

from typing import Final

from tunewright_api.methods import Method
from tunewright_api.tuning import TuningType

Choice = tuple[float, str]
"""A value, and the reason for it."""

LEARNING_RATES: Final[dict[Method, Choice]] = {
    Method.SFT: (2e-4, "ten times the rate for full weights suits LoRA"),
    Method.DPO: (5e-6, "preferences need small steps, or the model forgets"),
    Method.KTO: (5e-6, "preferences need small steps, or the model forgets"),
    Method.ORPO: (8e-6, "it learns answers and preferences at once, so between SFT and DPO; as in its paper"),
    Method.REWARD: (1e-4, "the head is new, and the scorer is not used to write"),
    Method.GRPO: (1e-5, "rewards are noisy; ten times the rate for full weights suits LoRA"),
    Method.RLOO: (1e-5, "rewards are noisy; ten times the rate for full weights suits LoRA"),
    Method.SDFT: (5e-5, "small steps keep what the model knows; TRL's own choice"),
    Method.DISTILLATION: (1e-4, "the teacher's whole distribution is a steady signal"),
}
TYPE_RATES: Final[dict[TuningType, Choice]] = {
    TuningType.FULL: (0.1, "a tenth of the rate for LoRA, for all weights move"),
    TuningType.PROMPT_TUNING: (150, "a few embeddings have to do all the work, and need large steps: 3e-2"),
    TuningType.PREFIX_TUNING: (50, "a few vectors have to do all the work, and need large steps: 1e-2"),
}
"""Factor on the method's rate."""

EPOCHS: Final[dict[Method, Choice]] = {
    Method.SFT: (3.0, "one to three passes; more memorises"),
    Method.DPO: (1.0, "a second pass over preferences over-fits"),
    Method.KTO: (1.0, "a second pass over preferences over-fits"),
    Method.ORPO: (1.0, "a second pass over preferences over-fits"),
    Method.REWARD: (1.0, "a scorer over-fits after one pass, and is then easily fooled"),
    Method.GRPO: (1.0, "each pass writes new answers; look at the reward before a second"),
    Method.RLOO: (1.0, "each pass writes new answers; look at the reward before a second"),
    Method.SDFT: (1.0, "each pass writes new answers; look at the loss before a second"),
    Method.DISTILLATION: (1.0, "each pass writes new answers; look at the loss before a second"),
}

BETAS: Final[dict[Method, Choice]] = {
    Method.DPO: (0.1, "the usual strength of the tie to the starting point"),
    Method.KTO: (0.1, "the usual strength of the tie to the starting point"),
    Method.ORPO: (0.1, "the usual weight of the preference beside the answer"),
    Method.GRPO: (0.0, "rewards that can be verified need no tie, and the reference costs time"),
    Method.RLOO: (0.05, "a light tie keeps the answers readable"),
    Method.DISTILLATION: (1.0, "on its own answers the model learns what the teacher would say most"),
}
GENERATIONS: Final[dict[Method, Choice]] = {
    Method.GRPO: (8, "the mean and spread of a group need several answers"),
    Method.RLOO: (4, "each answer is held against the mean of three others"),
}
NEW_TOKENS: Final[int] = 256
PROMPTS_AT_ONCE: Final[int] = 8
VIRTUAL_TOKENS: Final[int] = 20
RANK: Final[int] = 16
