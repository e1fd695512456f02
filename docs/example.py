import torch
import torch.nn.functional as F


def distillation_loss(student, teacher, mask):
    p = F.softmax(teacher, dim=-1)
    q = F.softmax(student, dim=-1)
    divergence = (p * (p.log() - torch.log(q))).sum(dim=-1)
    return (divergence * mask).sum() / mask.sum()
