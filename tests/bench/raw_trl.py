"""Fine-tuning with TRL as one writes it by hand: what our recipes are timed against."""

from typing import Any

import torch
from datasets import load_dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

METHODS = {
    "SFT": (SFTTrainer, SFTConfig, ["prompt", "completion"]),
    "DPO": (DPOTrainer, DPOConfig, ["prompt", "chosen", "rejected"]),
}


def make_trainer(method: str, model_folder: str, rows: str, output: str, settings: dict[str, Any]) -> Any:
    trainer_class, config_class, columns = METHODS[method]
    set_seed(42)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16)
    lora = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules="all-linear", task_type="CAUSAL_LM")
    config = config_class(
        output_dir=output,
        seed=42,
        bf16=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        activation_checkpointing=False,
        max_length=None,
        logging_steps=1,
        save_strategy="steps",
        save_total_limit=1,
        report_to="none",
        disable_tqdm=True,
        **settings,
    )
    dataset = load_dataset("json", data_files=rows, split="train").select_columns(columns)
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    return trainer_class(get_peft_model(model, lora), args=config, train_dataset=dataset, processing_class=tokenizer)
