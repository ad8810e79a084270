"""The stages in the order in which they stand in the line: a new one is a file and its name here."""

from pipeline.stages.annotate import STAGE as ANNOTATE
from pipeline.stages.clean import STAGE as CLEAN
from pipeline.stages.collect import STAGE as COLLECT
from pipeline.stages.dedup import STAGE as DEDUP
from pipeline.stages.evaluate import STAGE as EVALUATE
from pipeline.stages.export import STAGE as EXPORT
from pipeline.stages.finetune import STAGE as FINETUNE
from pipeline.stages.pretrain import STAGE as PRETRAIN
from pipeline.stages.tokenize import STAGE as TOKENIZE
from pipeline.stages.vocab import STAGE as VOCAB

STAGES = (COLLECT, ANNOTATE, CLEAN, DEDUP, VOCAB, TOKENIZE, PRETRAIN, EVALUATE, FINETUNE, EXPORT)
